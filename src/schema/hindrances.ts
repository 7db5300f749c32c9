import { setTimeout as sleep } from 'node:timers/promises';
import { identifier } from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import type { Application } from './application.js';
import type { Step } from './steps.js';

interface Holder {
  pid: number | null;
  login: string | null;
  application: string | null;
  state: string | null;
  /** Name of a prepared transaction. */
  prepared?: string | null;
}

const TABLE = /\b(?:alter table|lock table|on|from|into|materialized view) (?:if exists )?(\w+)/;

/** The table that a step works on, for the names of those who have it. */
export const tableOf = ({ table, statements }: Step): string | undefined =>
  table ?? statements.map((sql) => TABLE.exec(sql)?.[1]).find(Boolean);

/** Who has the table of a step, as a sentence. Whoever has come just now is not named: he leaves by himself. */
async function holdersOf(application: Application, table: string | undefined): Promise<string> {
  const { session, database, book, pid } = application;
  // Asked as who logged in: the owner of the book, as whom the session acts, sees less of other roles' sessions.
  const holders = await (database ?? session).query<Holder>(
    `select l.pid, a.usename::text as login, a.application_name as application, a.state,
       max(p.gid) as prepared, min(coalesce(a.xact_start, a.query_start, p.prepared)) as since
     from pg_locks as l
     left join pg_stat_activity as a on a.pid = l.pid
     -- A prepared transaction holds its locks without a session.
     left join pg_prepared_xacts as p on l.pid is null and l.virtualtransaction = '-1/' || p.transaction
     where l.locktype = 'relation' and l.relation = to_regclass($1) and l.granted
       and l.pid is distinct from $2
       and l.database = (select oid from pg_database where datname = current_database())
     group by 1, 2, 3, 4
     -- Of other roles' sessions only a monitor sees the times.
     having coalesce(min(coalesce(a.xact_start, a.query_start, p.prepared)) < clock_timestamp() - interval '100 ms', true)
     order by since nulls last`,
    [table ? `${identifier(book)}.${table}` : null, pid],
  );
  if (holders.length === 0) return `Others work on ${table ?? 'what this step needs'}.`;
  return `${table} is held by ${sentence(holders)}.`;
}

const sentence = (holders: readonly Holder[]) =>
  holders
    .slice(0, 5)
    .map(({ pid, login, application, state, prepared }) =>
      [
        prepared
          ? `the prepared transaction ${prepared} (COMMIT or ROLLBACK PREPARED ends it)`
          : `session ${pid}`,
        login && `of ${login}`,
        application && `(${application})`,
        state?.startsWith('idle in') && 'with an open transaction',
      ]
        .filter(Boolean)
        .join(' '),
    )
    .join(', ');

const RETRY_MS = { first: 200, last: 3000 };

/** Tries again, with a growing and jittered pause, what met somebody in its way; names who it is as it changes. */
export async function persist<T>(
  application: Application,
  table: string | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const { patience, onNotice, signal } = application;
  const end = Date.now() + patience;
  let told = '';
  for (let pause = RETRY_MS.first; ; pause = Math.min(pause * 1.5, RETRY_MS.last)) {
    signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (!isInTheWay(error)) throw error;
      const holders = await holdersOf(application, table);
      if (Date.now() > end) {
        throw new ClaireError('migration_blocked', {
          found: `Waited ${patience} ms. ${holders}`,
          cause: error,
        });
      }
      if (holders !== told) onNotice?.(`Waiting and trying again. ${holders}`);
      told = holders;
    }
    await sleep(pause * (0.5 + Math.random()), undefined, signal ? { signal } : {});
  }
}

const isInTheWay = (error: unknown): boolean =>
  error instanceof ClaireError && ['lock_timed_out', 'transaction_conflict'].includes(error.code);

/** How often a statement that takes its time is looked at. */
const EVERY_MS = 1000;

/**
 * Looks from another connection at a statement that takes its time: how far it is, and whom it waits for. Gives what
 * ends the looking.
 */
export function watch({ database, pid, onProgress, onNotice }: Application): () => Promise<void> {
  if (!database || !(onProgress || onNotice)) return async () => {};
  const end = new AbortController();
  let told = '';
  const look = async () => {
    const [row] = await database.query<{
      phase: string | null;
      done: number | null;
      total: number | null;
      waits: Holder[] | null;
    }>(
      `select p.phase, greatest(p.blocks_done, p.tuples_done)::float8 as done, greatest(p.blocks_total, p.tuples_total)::float8 as total,
         (select json_agg(b) from (
            select a.pid, a.usename::text as login, a.application_name as application, a.state
            from pg_stat_activity as a where a.pid = any (pg_blocking_pids($1)) and a.pid <> $1
          ) as b) as waits
       from (select $1::int as pid) as m left join pg_stat_progress_create_index as p on p.pid = m.pid`,
      [pid],
    );
    if (row?.phase) {
      onProgress?.({ done: row.done ?? 0, ...(row.total ? { total: row.total } : {}), note: row.phase });
    }
    const waits = row?.waits ? `Waiting for ${sentence(row.waits)}.` : '';
    if (waits !== told && waits !== '') onNotice?.(waits);
    told = waits;
  };
  const looking = (async () => {
    while (!end.signal.aborted) {
      await sleep(EVERY_MS, undefined, { signal: end.signal }).catch(() => {});
      if (!end.signal.aborted) await look().catch(() => {});
    }
  })();
  return async () => {
    end.abort();
    await looking;
  };
}
