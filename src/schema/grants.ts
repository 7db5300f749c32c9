import { identifier, type Queryable } from '../database/index.js';

/**
 * What each login may do in a book. Only logins that exist are granted anything, so a server of one user works too.
 * `{book}` stands for the schema.
 */
const GRANTS: Record<string, readonly string[]> = {
  signal_engine: ['insert on signals', 'insert on candles'],
  risk_manager: ['insert, update on orders', 'insert on risk_events'],
  execution_service: ['insert, update on trades', 'update on orders', 'insert on candles'],
  claire_operator: ['update on orders'],
};

const SERVICES = ['signal_engine', 'risk_manager', 'execution_service'];

/** Brings the rights of the known logins in a book to what they should be; runs again without harm. */
export async function applyGrants(session: Queryable, book: string): Promise<void> {
  const schema = identifier(book);
  const [state] = await session.query<{ logins: string[]; able: boolean; latest: boolean; owns: boolean }>(
    `select
       array(select rolname::text from pg_roles where rolname = any ($2)) as logins,
       coalesce((select nspowner::regrole::text = quote_ident(current_user) from pg_namespace where nspname = $1), false)
         or (select rolsuper from pg_roles where rolname = current_user) as able,
       to_regclass(format('%I.candles', $1::text)) is not null as latest,
       (select rolsuper from pg_roles where rolname = current_user) as owns`,
    [book, [...Object.keys(GRANTS), 'claire']],
  );
  if (!state?.able || !state.latest) return;
  const everyone = state.logins.map(identifier).join(', ');
  if (everyone === '') return;
  const statements = [
    `grant usage on schema ${schema} to ${everyone}`,
    `grant select on all tables in schema ${schema} to ${everyone}`,
    `grant usage on all sequences in schema ${schema} to ${everyone}`,
    `revoke execute on all functions in schema ${schema} from public`,
    `grant execute on function ${schema}.has_permit(text, text) to ${everyone}`,
    `grant execute on function ${schema}.refresh_positions_realtime() to ${everyone}`,
    `grant execute on function ${schema}.fold_position_changes(integer) to ${everyone}`,
  ];
  const grant = (right: string, login: string) =>
    `grant ${right.replace(/ on (\w+)$/, (_, table: string) => ` on ${schema}.${identifier(table)}`)} to ${identifier(login)}`;
  for (const login of state.logins) {
    const own = GRANTS[login] ?? SERVICES.flatMap((service) => GRANTS[service] ?? []);
    statements.push(...own.map((right) => grant(right, login)));
  }
  if (state.logins.includes('claire_operator')) {
    statements.push(
      `grant execute on function ${schema}.correct_record(text, bigint, jsonb, text, text, text) to claire_operator`,
    );
  }
  // PostgreSQL 15 and 16 let nobody but the owner refresh a materialized view; the shared login of the seed does.
  if (state.logins.includes('claire') && state.owns) {
    statements.push(
      `grant insert, update on ${schema}.materialized_view_refreshes to claire`,
      `alter materialized view ${schema}.positions_realtime owner to claire`,
    );
  }
  for (const statement of statements) await session.query(statement);
}
