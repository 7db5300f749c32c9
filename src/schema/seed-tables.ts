interface SeedColumn {
  /** As format_type writes them: the seed's, then that of 1.2 where 1.2 changes it. */
  types: readonly string[];
  nullable: boolean;
}

const must = (...types: string[]): SeedColumn => ({ types, nullable: false });
const may = (...types: string[]): SeedColumn => ({ types, nullable: true });

const ID = must('integer', 'bigint');
const TEXT_ID = 'character varying(50)';
const SYMBOL = 'character varying(20)';
const SIDE = 'character varying(10)';
const STATUS = 'character varying(20)';
const MONEY = ['numeric(20,8)', 'numeric'] as const;
const TIME = may('timestamp without time zone');

/** The columns of the seed's tables: by them they are told from others of the same name. */
export const SEED_COLUMNS: Readonly<Record<string, Readonly<Record<string, SeedColumn>>>> = {
  signals: {
    id: ID,
    signal_id: must(TEXT_ID),
    symbol: must(SYMBOL),
    side: must(SIDE),
    price: must(...MONEY),
    confidence: must('numeric(3,2)', 'numeric'),
    timestamp: must('bigint'),
    metadata: may('jsonb'),
    created_at: TIME,
  },
  orders: {
    id: ID,
    order_id: must(TEXT_ID),
    signal_id: may(TEXT_ID),
    symbol: must(SYMBOL),
    side: must(SIDE),
    quantity: must(...MONEY),
    price: may(...MONEY),
    status: must(STATUS),
    rejection_reason: may('text'),
    created_at: TIME,
    updated_at: TIME,
  },
  trades: {
    id: ID,
    order_id: may(TEXT_ID),
    symbol: must(SYMBOL),
    side: must(SIDE),
    quantity: must(...MONEY),
    entry_price: must(...MONEY),
    entry_timestamp: must('bigint'),
    exit_price: may(...MONEY),
    exit_timestamp: may('bigint'),
    status: must(STATUS),
    pnl: may('numeric(20,8)', 'numeric(38,8)'),
    pnl_pct: may('numeric(10,4)', 'numeric(38,4)'),
    commission: may(...MONEY),
    created_at: TIME,
  },
  risk_events: {
    id: ID,
    event_type: must('character varying(50)'),
    signal_id: may(TEXT_ID),
    symbol: may(SYMBOL),
    reason: must('text'),
    details: may('jsonb'),
    timestamp: must('bigint'),
    created_at: TIME,
  },
  materialized_view_refreshes: {
    view_name: must('text'),
    last_refresh: TIME,
  },
};

/** The four that hold rows; without one of them there is no book made by hand. */
export const SEED_TABLES = ['signals', 'orders', 'trades', 'risk_events'];
