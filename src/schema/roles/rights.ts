import type { LoginRole, Role } from '../../database/index.js';
import { HISTORY, MATERIALIZED_VIEWS, SEQUENCES, TABLES, VIEWS } from '../objects.js';
import { SEED_TABLES } from '../seed-tables.js';

/** A right on a table or view; of columns where they are named. `maintain` is from PostgreSQL 17 on. */
export type Right = 'select' | 'insert' | 'update' | `update (${string})` | 'maintain';

export interface Rights {
  /** One sentence, for documents and commands. */
  purpose: string;
  /** By table or view. */
  relations: Readonly<Record<string, readonly Right[]>>;
  /** Every function that may be called; with its arguments. */
  functions: readonly string[];
  sequences: Readonly<Record<string, 'usage' | 'select'>>;
}

type Relations = Record<string, readonly Right[]>;

const EVERYTHING = [...TABLES, ...VIEWS, ...MATERIALIZED_VIEWS].map(({ name }) => name).concat(HISTORY);

/** Credentials, and answers that are their caller's. */
const SECRET = ['tokens', 'idempotency_keys'];
const READABLE = EVERYTHING.filter((name) => !SECRET.includes(name));

const reading = (names: readonly string[]): Relations =>
  Object.fromEntries(names.map((name) => [name, ['select'] as const]));

/** The later rights of a table are added to the ones before; a right on the whole table takes that on columns in. */
function together(...parts: Relations[]): Relations {
  const all: Relations = {};
  for (const part of parts) {
    for (const [name, rights] of Object.entries(part)) {
      const both = [...new Set([...(all[name] ?? []), ...rights])];
      all[name] = both.filter((right) => !both.some((whole) => right.startsWith(`${whole} (`)));
    }
  }
  return all;
}

function rights(purpose: string, relations: Relations, functions: readonly string[] = []): Rights {
  // A row gets its number from the table's sequence, with the rights of who inserts it.
  const numbered = SEED_TABLES.filter((table) => relations[table]?.includes('insert'));
  return {
    purpose,
    relations,
    functions: [...new Set(functions)],
    sequences: Object.fromEntries(numbered.map((table) => [`${table}_id_seq`, 'usage'])),
  };
}

/** Of an order only these move; the time of the change follows, whatever a client says it is. */
const MOVES = { orders: ['update (status, rejection_reason, updated_at)'] } as const satisfies Relations;
/** What a trade has after its end and not before; the profit follows. */
const CLOSES = {
  trades: ['update (status, exit_price, exit_timestamp, commission)'],
} as const satisfies Relations;

/** What connect() looks at. */
const VERSION = [HISTORY];

const OF_DECIDE = [
  'decide_orders(text[], text[], numeric[], numeric[], numeric[], bigint[], boolean[])',
  'decide(text, numeric, text, numeric, bigint)',
  'order_id_for(text)',
];
const OF_READS = [
  ...['why(text)', 'order_as_json(orders)', 'trade_as_json(trades)', 'limits_as_json(limits)'],
  ...['as_ms(timestamp without time zone)', 'now_ms()', 'market_day(bigint, text)', 'schema_version()'],
  ...['profit_between(bigint, bigint)', 'balance_of(bigint)', 'book_limits()'],
];
/** Tables whose rows leave when they are past their horizon, or with those. */
const REMOVED_FROM = ['signals', 'orders', 'risk_events', 'candles', 'decisions', 'order_history'] as const;
const OF_UPKEEP = [
  'fold_position_changes(integer)',
  'fold_reservation_changes()',
  'refresh_positions_realtime()',
  'prune_record_log(integer)',
  'prune_answers(integer)',
];
/** They hold to the horizons and to lineage whatever they are told: who may call them may delete nothing else. */
const OF_RETENTION = [
  'begin_retention(text, text, timestamp without time zone, jsonb, timestamp without time zone)',
  'retain(bigint, integer, bigint, boolean)',
  'end_retention(bigint, text, boolean)',
];
/** A write that is sent again under its key is answered and not done. */
const OF_ONCE = ['answer_kept(text, text)', 'keep_answer(text, text, text, bigint, text)'];
const OF_TOKENS = ['token_of(text)', 'mark_token_used(text)'];
const HALT = 'halt_trading(text, bigint, bigint)';

const SIGNAL_ENGINE = rights(
  'Records signals and candles, and reads these.',
  together(reading(['signals', 'candles', ...VERSION]), { signals: ['insert'], candles: ['insert'] }),
  OF_ONCE,
);

const RISK_MANAGER = rights(
  'Decides signals, moves orders, records risk events; stops trading, which only a person starts again.',
  together(
    reading(['signals', 'orders', 'trades', 'risk_events', 'decisions', 'order_history', 'reservations']),
    reading(['positions', 'positions_realtime', 'position_sums', 'exposure', 'exposure_parts']),
    reading(['limits', 'limits_in_force', 'capital', 'halts', 'halt_gate', 'untraded_signals', ...VERSION]),
    { orders: ['insert'], risk_events: ['insert'] },
    MOVES,
  ),
  [...OF_DECIDE, HALT, ...OF_READS, ...OF_ONCE],
);

const EXECUTION_SERVICE = rights(
  'Fills, rejects and cancels orders; opens and closes trades.',
  together(
    reading(['signals', 'orders', 'trades', 'candles', 'decisions', ...VERSION]),
    reading(['positions', 'positions_realtime', 'position_sums', 'exposure']),
    { trades: ['insert'], candles: ['insert'] },
    MOVES,
    CLOSES,
  ),
  OF_ONCE,
);

const CLAIRE_UPKEEP = rights(
  'Folds, refreshes, takes backups and removes what is past its horizon: reads everything and writes no row of the record.',
  together(reading(EVERYTHING), {
    // Else what was folded, or removed, would lie there until autovacuum comes.
    position_changes: ['maintain'],
    reservation_changes: ['maintain'],
    ...Object.fromEntries(REMOVED_FROM.map((name) => [name, ['maintain'] as const])),
  }),
  [
    ...OF_UPKEEP,
    ...OF_RETENTION,
    'due_before(text, timestamp without time zone, timestamp without time zone)',
    'was_seen(xid, xid8)',
  ],
);

const SERVICES = [SIGNAL_ENGINE, RISK_MANAGER, EXECUTION_SERVICE];

/** What each login may do in its book: exactly this. The owner may do everything, and nobody else anything. */
export const RIGHTS: Readonly<Record<LoginRole, Rights>> = {
  signal_engine: SIGNAL_ENGINE,
  risk_manager: RISK_MANAGER,
  execution_service: EXECUTION_SERVICE,
  claire_reader: rights('Reads everything and writes nothing.', reading(READABLE), [
    ...OF_READS,
    ...OF_TOKENS,
  ]),
  // A backup holds how far each sequence is.
  claire_upkeep: {
    ...CLAIRE_UPKEEP,
    sequences: Object.fromEntries(SEQUENCES.map(({ name }) => [name, 'select'])),
  },
  claire: rights(
    'The login that the seed has for all: what the three services may, and fold and refresh. Owns positions_realtime.',
    together(reading(READABLE), ...SERVICES.map(({ relations }) => relations), {
      // Clients of 1.1 may send every column of a row, with the values that stand there: the laws say what may change.
      orders: ['update'],
      trades: ['update'],
      // The seed's own way to say when it was refreshed.
      materialized_view_refreshes: ['insert', 'update'],
    }),
    [...SERVICES.flatMap(({ functions }) => functions), ...OF_READS, ...OF_UPKEEP],
  ),
  claire_operator: rights(
    'A person at the command: halts and resumes, sets limits, corrects, decides on quarantine, cancels orders, makes tokens.',
    together(reading([...READABLE, 'tokens']), MOVES),
    [
      ...['correct_record(text, bigint, jsonb, text, text)', 'release_row(bigint, jsonb, text)'],
      ...['discard_row(bigint, text)', 'set_limits(jsonb, text, text, boolean)'],
      'set_horizon(text, bigint, text)',
      ...['set_capital(numeric, text, bigint)', HALT, 'resume_trading(text, boolean, bigint)'],
      ...['release_reservation(text, text)', ...OF_READS, ...OF_ONCE],
      ...['create_token(text, text, text, bytea)', 'revoke_token(text)'],
    ],
  ),
};

export const OWNER_PURPOSE =
  'Owns the schema and everything of Claire in it; migrations act as it, and it never logs in.';

export const purposeOf = (role: Role): string =>
  role === 'claire_owner' ? OWNER_PURPOSE : RIGHTS[role].purpose;
