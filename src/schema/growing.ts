import { HISTORY, MATERIALIZED_VIEWS, TABLES } from './objects.js';

/** Tables that may be read from end to end, and why they stay short. Every other one of the schema counts as growing. */
export const BOUNDED: Readonly<Record<string, string>> = {
  position_totals: 'a row a symbol and side',
  position_changes: 'what was not folded yet, the trades of about a second',
  positions_realtime: 'a row a symbol and side',
  reservation_totals: 'a row a symbol and side',
  reservation_changes: 'what was not folded yet, the orders of about a second',
  risk: 'one row',
  halt_gate: 'one row',
  limits: 'a row a change that somebody made',
  capital: 'a row a change that somebody made',
  retention_horizons: 'a row a change that somebody made',
  retention_state: 'a row a table',
  retention_waiting: 'orders that are past their horizon and not decided',
  retention_runs: 'the last 10,000',
  permits: 'its rows are gone before their transaction ends',
  record_log: 'a day and a million rows',
  idempotency_keys: 'a day',
  tokens: 'a row a token that somebody made',
  materialized_view_refreshes: 'a row a view',
  [HISTORY]: 'a row a migration',
};

/** The tables that trading makes grow. */
export const growingTables = (): Set<string> =>
  new Set([...TABLES, ...MATERIALIZED_VIEWS].map(({ name }) => name).filter((name) => !(name in BOUNDED)));
