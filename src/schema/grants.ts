import { identifier, type Queryable } from '../database/index.js';
import { HISTORY, MATERIALIZED_VIEWS, SEED_TABLES, TABLES, VIEWS } from './objects.js';

/** What each login may do in a book beside reading it. The base; only logins that exist are granted anything. */
const GRANTS: Record<string, readonly string[]> = {
  signal_engine: ['insert on table signals', 'insert on table candles'],
  risk_manager: [
    'insert, update on table orders',
    'insert on table risk_events',
    ...executed(
      'decide_orders(text[], text[], numeric[], numeric[], numeric[], bigint[], boolean[])',
      'decide(text, numeric, text, numeric, bigint)',
      // Who sees the danger stops; who starts again is a person.
      'halt_trading(text, bigint, bigint)',
    ),
  ],
  execution_service: ['insert, update on table trades', 'update on table orders', 'insert on table candles'],
  claire_operator: [
    'update on table orders',
    ...executed(
      'correct_record(text, bigint, jsonb, text, text)',
      'release_row(bigint, jsonb, text)',
      'discard_row(bigint, text)',
      'set_limits(jsonb, text, text, boolean)',
      'set_capital(numeric, text, bigint)',
      'halt_trading(text, bigint, bigint)',
      'resume_trading(text, boolean, bigint)',
      'release_reservation(text, text)',
    ),
  ],
};

function executed(...functions: string[]): string[] {
  return functions.map((signature) => `execute on function ${signature}`);
}

const SERVICES = ['signal_engine', 'risk_manager', 'execution_service'];
const LOGINS = [...Object.keys(GRANTS), 'claire'];

/** For everyone: reading, numbering rows, and folding. */
const COMMON = [
  `select on table ${[...TABLES, ...VIEWS, ...MATERIALIZED_VIEWS].map(({ name }) => name).join(', ')}, ${HISTORY}`,
  `usage on sequence ${SEED_TABLES.map((table) => `${table}_id_seq`).join(', ')}`,
  ...executed('fold_position_changes(integer)', 'fold_reservation_changes()'),
];

/**
 * Gives the known logins their rights in a book of the newest version; gives them again without harm. Objects that are
 * not Claire's are not touched. Without the right to grant, nothing is done: a server with one login works too.
 */
export async function applyGrants(session: Queryable, book: string): Promise<void> {
  const [state] = await session.query<{ logins: string[]; able: boolean; superuser: boolean }>(
    `select
       array(select rolname::text from pg_roles where rolname = any ($2)) as logins,
       (select pg_has_role(nspowner, 'usage') from pg_namespace where nspname = $1) as able,
       (select rolsuper from pg_roles where rolname = current_user) as superuser`,
    [book, LOGINS],
  );
  if (!state?.able) return;
  const schema = identifier(book);
  const statements: string[] = [];
  for (const login of state.logins) {
    const own = GRANTS[login] ?? SERVICES.flatMap((service) => GRANTS[service] ?? []);
    const rights = [...COMMON, ...own].map((right) => inBook(schema, right));
    statements.push(
      ...[`usage on schema ${schema}`, ...rights].map((right) => `grant ${right} to ${identifier(login)}`),
    );
  }
  // PostgreSQL 15 and 16 let nobody but the owner refresh a materialized view; the shared login of the seed does.
  if (state.logins.includes('claire') && state.superuser) {
    statements.push(
      `grant insert, update on ${schema}.materialized_view_refreshes to claire`,
      `alter materialized view ${schema}.positions_realtime owner to claire`,
    );
  }
  for (const statement of statements) await session.query(statement);
}

/** `insert on table signals, orders` with the schema before each name. */
const inBook = (schema: string, right: string): string =>
  right.replace(/( on (?:table|sequence|function) )(.+)$/, (_, on: string, names: string) => {
    const list = on.includes('function') ? [names] : names.split(', ');
    return on + list.map((name) => `${schema}.${name}`).join(', ');
  });
