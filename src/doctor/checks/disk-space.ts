import type { Queryable } from '../../database/index.js';
import { bytesText } from '../../domain/words.js';
import { defineCheck, fail, ok, skipped, warn } from '../check.js';

const GB = 1_000_000_000;
const FAIL_BYTES = 2 * GB;
const FAIL_DAYS = 2;
const WARN_BYTES = 10 * GB;
const WARN_SHARE = 0.1;
const WARN_DAYS = 14;

/** Growth is told from this much history on, and from the last week of it. */
const LEAST_HISTORY = '1 hour';
const LOOK_BACK = '7 days';
/** What is further away than this is not worth a number. */
const FAR_DAYS = 3650;

export const diskSpace = defineCheck({
  name: 'disk_space',
  question: 'Is there room on the disk for what comes?',
  threshold:
    `${WARN_BYTES / GB} GB or a tenth of the disk, whichever is less, or ${WARN_DAYS} days at the growth of the last week; ` +
    `${FAIL_BYTES / GB} GB or ${FAIL_DAYS} days are wrong: a full disk stops the server, and its log needs room too.`,
  of: 'server',
  async examine({ session, around }) {
    if (!around.disk) {
      return skipped("The data lies on another machine: whoever runs that knows its disk's free space.");
    }
    const { directory, free_bytes, total_bytes } = await around.disk();
    const growth = await growthOf(session);
    const days = growth > 0 ? free_bytes / growth : Number.POSITIVE_INFINITY;
    const left = days < FAR_DAYS ? Math.floor(days) : null;
    const evidence = [
      { directory, free_bytes, total_bytes, growth_bytes_a_day: Math.round(growth), days_left: left },
    ];
    const sentence =
      `${bytesText(free_bytes)} of ${bytesText(total_bytes)} are free where the data lies (${directory})` +
      `${left === null ? '' : `: ${left} days at ${bytesText(growth)} a day`}.`;
    const low = Math.min(WARN_BYTES, total_bytes * WARN_SHARE);
    if (free_bytes >= Math.max(low, FAIL_BYTES) && days >= WARN_DAYS) return ok(sentence, evidence);
    const verdict = free_bytes < FAIL_BYTES || days < FAIL_DAYS ? fail : warn;
    return verdict(sentence, evidence, {
      decide:
        'between keeping less (`claire retention show` says what a table takes, `claire backup prune` removes old backups), and a larger disk.',
    });
  },
});

/** How many bytes a day the database grows; 0 where too little is known, or where it shrinks. */
async function growthOf(session: Queryable): Promise<number> {
  const [there] = await session.query<{ readable: boolean }>(
    `select coalesce(has_schema_privilege(to_regnamespace('claire_system'), 'usage')
       and has_table_privilege(to_regclass('claire_system.size_samples'), 'select'), false) as readable`,
  );
  if (!there!.readable) return 0;
  const [row] = await session.query<{ bytes_a_day: number | null }>(
    `select case when max(at) - min(at) >= $1::interval
         then regr_slope(database_bytes::float8, extract(epoch from at)::float8) * 86400 end as bytes_a_day
     from claire_system.size_samples where at > clock_timestamp() - $2::interval`,
    [LEAST_HISTORY, LOOK_BACK],
  );
  return Math.max(0, row!.bytes_a_day ?? 0);
}
