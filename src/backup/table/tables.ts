import { ClaireError } from '../../errors/index.js';
import { recordTables } from '../../schema/index.js';

/** A table whose rows can come back from a backup while the others stay as they are. */
export interface RestorableTable {
  name: string;
  /** What a row is known by, in a backup as in the live table. */
  key: readonly string[];
  /** Rows from before 1.2 may have no such id; these are known by their number. */
  keyMayBeMissing: boolean;
  /** Whether rows are numbered by a sequence of the table's own. */
  isNumbered: boolean;
  /** What a row must find there before it can come back. */
  parent?: { table: string; column: string };
  /** Columns that follow from elsewhere, or say no more than when a row was last touched. */
  ignored: readonly string[];
  /**
   * SQL over `b` (backup) and `l` (live): the columns that may differ because the row lawfully went on since, an order that
   * was filled, a trade that was closed.
   */
  moved?: string;
  /** What judges new rows, and adds up what follows from them: the rows are old, and what follows is set right after. */
  resting: readonly string[];
  /** Rows that are only ever added: what differs was never changed by a door, and a permit opens none. */
  isLog: boolean;
}

const plain = { keyMayBeMissing: false, isNumbered: true, ignored: [], resting: [], isLog: false } as const;

const TABLES: readonly RestorableTable[] = [
  { ...plain, name: 'signals', key: ['signal_id'] },
  {
    ...plain,
    name: 'orders',
    key: ['order_id'],
    parent: { table: 'signals', column: 'signal_id' },
    ignored: ['updated_at'],
    moved: `case when b.status = 'PENDING' and l.status <> 'PENDING' then array['status', 'rejection_reason'] end`,
    resting: ['orders_door_insert', 'orders_follow_update'],
  },
  {
    ...plain,
    name: 'trades',
    key: ['trade_id'],
    keyMayBeMissing: true,
    parent: { table: 'orders', column: 'order_id' },
    // A profit that does not follow from its prices came through no door.
    moved: `case
      when b.status = 'OPEN' and l.status = 'CLOSED' and (l.pnl, l.pnl_pct, l.pnl_net) is not distinct from (
        select (p.pnl, p.pnl_pct, p.pnl_net)
        from {book}.profit_of(l.side, l.quantity, l.entry_price, l.exit_price, l.commission) as p
      ) then array['status', 'exit_price', 'exit_timestamp', 'pnl', 'pnl_pct', 'pnl_net', 'commission']
      when coalesce(b.commission, 0) = 0 and l.pnl_net is not distinct from l.pnl - l.commission
        then array['commission', 'pnl_net']
    end`,
    resting: ['trades_risk_insert', 'trades_risk_update'],
  },
  { ...plain, name: 'risk_events', key: ['event_id'], keyMayBeMissing: true },
  // A candle may be recorded once more when it is replayed.
  { ...plain, name: 'candles', key: ['symbol', 'timestamp'], isNumbered: false, ignored: ['created_at'] },
  {
    ...plain,
    name: 'decisions',
    key: ['order_id'],
    isNumbered: false,
    parent: { table: 'orders', column: 'order_id' },
    ignored: ['reserved_quantity', 'released_reason'],
    isLog: true,
  },
  {
    ...plain,
    name: 'order_history',
    key: ['id'],
    parent: { table: 'orders', column: 'order_id' },
    isLog: true,
  },
  { ...plain, name: 'corrections', key: ['id'], isLog: true },
];

/** Where a sentence says more than that the table is none of these. */
const REFUSED: Readonly<Record<string, string>> = {
  positions: 'Positions follow from the trades: restore these.',
  position_totals: 'Positions follow from the trades: restore these.',
  position_changes: 'Positions follow from the trades: restore these.',
  positions_realtime: 'Positions follow from the trades: restore these.',
  reservations: 'What is reserved follows from orders and trades: restore these.',
  reservation_totals: 'What is reserved follows from orders and trades: restore these.',
  reservation_changes: 'What is reserved follows from orders and trades: restore these.',
  risk: 'The profit of the day follows from the trades: restore these.',
  limits: 'An old version of the limits would come into force: say what is to hold with `claire limits set`.',
  capital: 'An old balance would come into force: say what is true with `claire capital set`.',
  halts: 'An old halt, or its end, would come into force: use `claire halt` and `claire resume`.',
  halt_gate: 'An old halt, or its end, would come into force: use `claire halt` and `claire resume`.',
  quarantine: 'A row would be in its table and in quarantine at once.',
  retention_horizons: 'Old horizons would come into force: say what is to hold with `claire retention set`.',
  permits: 'It is empty between transactions.',
  record_log: 'No backup holds it: it tells what changed of late.',
  idempotency_keys: 'No backup holds them: they are of a day.',
  tokens: 'No backup holds credentials: make new ones with `claire tokens create`.',
};

const TABLE_NAMES: ReadonlySet<string> = new Set(recordTables('all'));

export const RESTORABLE: readonly string[] = TABLES.map(({ name }) => name);

/** @throws ClaireError restore_table_refused, saying why it does not come back alone */
export function restorable(name: string): RestorableTable {
  const table = TABLES.find((one) => one.name === name);
  if (table) return table;
  const why =
    REFUSED[name] ??
    (TABLE_NAMES.has(name)
      ? 'It is about how the book works, and goes with the whole of it.'
      : 'It is no table of the record.');
  throw new ClaireError('restore_table_refused', {
    found: `${name}: ${why} There are ${RESTORABLE.join(', ')}.`,
  });
}
