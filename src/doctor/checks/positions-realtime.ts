import { toIso } from '../../domain/time.js';
import { counted, secondsText } from '../../domain/words.js';
import { defineCheck, fail, ok, warn } from '../check.js';

/** `claire up` refreshes every 5 s, and a refresh takes milliseconds. */
const WARN_SECONDS = 6;
/** Two refreshes were missed. */
const FAIL_SECONDS = 15;

const BY = '`claire up` refreshes it every 5 s';

export const positionsRealtime = defineCheck({
  name: 'positions_realtime',
  question: 'Is positions_realtime as fresh as its readers were promised?',
  threshold: `${WARN_SECONDS} s: it is refreshed every 5 s; ${FAIL_SECONDS} s is wrong, for nobody refreshes it any more.`,
  async examine({ session, schema }) {
    const [found] = await session.query<{
      last_refresh_ms: number | null;
      age_seconds: number | null;
      open: number;
      behind: boolean;
    }>(
      `select r.last_refresh_ms, r.age_seconds, (select count(*)::int from ${schema}.positions) as open, exists (
         (table ${schema}.positions except table ${schema}.positions_realtime)
         union all
         (table ${schema}.positions_realtime except table ${schema}.positions)
       ) as behind
       from (values (1)) as one (row) left join lateral (
         select (extract(epoch from last_refresh) * 1000)::float8 as last_refresh_ms,
           extract(epoch from timezone('UTC', clock_timestamp()) - last_refresh)::float8 as age_seconds
         from ${schema}.materialized_view_refreshes where view_name = 'positions_realtime'
       ) as r on true`,
    );
    const { last_refresh_ms, age_seconds, open, behind } = found!;
    const remedy = { fix: [`select ${schema}.refresh_positions_realtime()`] };
    const evidence = {
      last_refresh: last_refresh_ms === null ? null : toIso(Math.floor(last_refresh_ms)),
      age_seconds: age_seconds === null ? null : Math.round(age_seconds),
      ...{ open_positions: open, differs_from_positions: behind },
    };
    if (age_seconds === null)
      return fail(`positions_realtime was never refreshed: ${BY}, and does not run.`, [evidence], remedy);
    const old = `positions_realtime was refreshed ${secondsText(age_seconds)} ago`;
    if (age_seconds <= WARN_SECONDS) return ok(`${old}, with ${counted(open, 'position')}.`, [evidence]);
    if (open === 0 && !behind)
      return ok(`${old}; nothing is open and nothing has changed since.`, [evidence]);
    const differs = behind ? ' and differs from the positions' : '';
    if (age_seconds <= FAIL_SECONDS) return warn(`${old}${differs}: ${BY}.`, [evidence], remedy);
    return fail(`${old}${differs}: ${BY}, and does not run.`, [evidence], remedy);
  },
});
