import { identifier } from '../../database/index.js';
import { toIso } from '../../domain/time.js';
import { counted, grouped, secondsText } from '../../domain/words.js';
import { defineCheck, type Look, ok, warn } from '../check.js';
import { beyond, named, shown } from './words.js';

interface Limits {
  /** Times what autovacuum itself waits for. It looks once a minute. */
  times: number;
  /** Fewer cost nothing. */
  rows: number;
}

interface Table {
  table: string;
  dead: number;
  /** Autovacuum comes over this. */
  dead_due: number;
  inserted: number;
  /** Null: it does not come for inserted rows. */
  inserted_due: number | null;
  rows: number;
  last_vacuum_ms: number | null;
  last_analyze_ms: number | null;
  has_statistics: boolean;
  autovacuum: boolean;
}

/** SQL: what is set for the table, else for the server. */
const option = (name: string, otherwise = `current_setting('${name}', true)`) => `coalesce((
      select option_value from pg_options_to_table(c.reloptions) where option_name = '${name}'
    ), ${otherwise})`;

const milliseconds = (moment: string) => `(extract(epoch from ${moment}) * 1000)::float8`;

/** What autovacuum goes by: from 18 on there is a most of dead rows, and frozen pages do not count for inserted ones. */
const TABLES = `
  select c.relname::text as table, s.n_dead_tup::float8 as dead, s.n_ins_since_vacuum::float8 as inserted,
    least(
      ${option('autovacuum_vacuum_threshold')}::float8 + ${option('autovacuum_vacuum_scale_factor')}::float8 * r.rows,
      nullif(${option('autovacuum_vacuum_max_threshold')}::float8, -1)
    ) as dead_due,
    nullif(${option('autovacuum_vacuum_insert_threshold')}::float8, -1)
      + ${option('autovacuum_vacuum_insert_scale_factor')}::float8 * r.rows * r.unfrozen as inserted_due,
    greatest(r.rows, s.n_live_tup) as rows,
    ${milliseconds('greatest(s.last_vacuum, s.last_autovacuum)')} as last_vacuum_ms,
    ${milliseconds('greatest(s.last_analyze, s.last_autoanalyze)')} as last_analyze_ms,
    not has_table_privilege(c.oid, 'select')
      or exists (select from pg_stats as p where p.schemaname = $2 and p.tablename = c.relname) as has_statistics,
    ${option('autovacuum_enabled', "'true'")}::boolean as autovacuum
  from pg_class c join pg_stat_user_tables s on s.relid = c.oid
  cross join lateral (
    select greatest(c.reltuples, 0)::float8 as rows,
      1 - coalesce((to_jsonb(c) ->> 'relallfrozen')::float8 / nullif(c.relpages, 0), 0) as unfrozen
  ) as r
  where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'm')
  order by s.n_dead_tup desc, 1`;

/** With limits of one's own. */
export const deadRowsOver = ({ times, rows }: Limits) =>
  defineCheck({
    name: 'dead_rows',
    question: 'Does autovacuum keep up with the rows that are changed and removed?',
    threshold:
      `${times} × the number at which autovacuum comes to the table, and over ${grouped(rows)} rows: it looks once a minute, so it does not keep up. ` +
      `Over ${grouped(rows)} rows that were never analyzed: plans are guesses.`,
    async examine(look) {
      const { session, book, schema } = look;
      const tables = await session.query<Table>(TABLES, [schema, book]);
      const isOver = (count: number, due: number | null) =>
        due !== null && count > times * due && count > rows;
      const behind = tables.filter(
        ({ dead, dead_due, inserted, inserted_due }) =>
          isOver(dead, dead_due) || isOver(inserted, inserted_due),
      );
      const unknown = tables.filter(
        (each) =>
          !behind.includes(each) && each.rows > rows && each.last_analyze_ms === null && !each.has_statistics,
      );
      const found = [...behind, ...unknown];
      if (found.length === 0) {
        const [most] = tables;
        const dead =
          most && most.dead > 0 ? `; the most dead rows, ${grouped(most.dead)}, are in ${most.table}` : '';
        return ok(`Autovacuum keeps up with every table of book ${book}${dead}.`);
      }
      const sentences = [
        ...(behind.length > 0
          ? [
              `${named(behind.map(vacuumText))}${beyond(behind, 'table')}: autovacuum does not keep up.${await whoHolds(look)}`,
            ]
          : []),
        ...(unknown.length > 0
          ? [
              `${named(unknown.map(({ table, rows }) => `${table} (${counted(rows, 'row')})`))}: never analyzed, so plans are guesses.`,
            ]
          : []),
      ];
      return warn(sentences.join(' '), shown(found.map(evidenceOf)), {
        fix: [
          ...behind.map(({ table }) => `vacuum (analyze, truncate false) ${schema}.${identifier(table)}`),
          ...unknown.map(({ table }) => `analyze ${schema}.${identifier(table)}`),
        ],
      });
    },
  });

export const deadRows = deadRowsOver({ times: 2, rows: 10_000 });

const vacuumText = ({ table, dead, dead_due, inserted, last_vacuum_ms, autovacuum }: Table): string => {
  const what =
    dead > dead_due ? counted(dead, 'dead row') : counted(inserted, 'row inserted', 'rows inserted');
  const when = last_vacuum_ms === null ? 'never vacuumed' : `vacuumed ${toIso(Math.floor(last_vacuum_ms))}`;
  return `${table} (${what}, ${when}${autovacuum ? '' : ', autovacuum is off for it'})`;
};

const evidenceOf = (each: Table) => ({
  table: each.table,
  dead_rows: each.dead,
  autovacuum_at_dead_rows: Math.round(each.dead_due),
  inserted_rows: each.inserted,
  autovacuum_at_inserted_rows: each.inserted_due === null ? null : Math.round(each.inserted_due),
  rows: each.rows,
  last_vacuum: each.last_vacuum_ms === null ? null : toIso(Math.floor(each.last_vacuum_ms)),
  last_analyze: each.last_analyze_ms === null ? null : toIso(Math.floor(each.last_analyze_ms)),
  autovacuum: each.autovacuum,
});

/** A snapshot from before keeps dead rows whatever is vacuumed. */
async function whoHolds({ session }: Look): Promise<string> {
  const [held] = await session.query<{ seconds: number | null }>(
    `select greatest(
       (select max(extract(epoch from clock_timestamp() - xact_start)) from pg_stat_activity
        where datname = current_database() and (backend_xmin is not null or backend_xid is not null)),
       (select max(extract(epoch from clock_timestamp() - prepared)) from pg_prepared_xacts
        where database = current_database())
     )::float8 as seconds`,
  );
  const seconds = held!.seconds ?? 0;
  return seconds > HELD_SECONDS
    ? ` A transaction of ${secondsText(seconds)} may keep the dead rows: see oldest_snapshot.`
    : '';
}

/** What a statement may take; a longer one is worth a word. */
const HELD_SECONDS = 60;
