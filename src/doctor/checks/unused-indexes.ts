import { bytesText, counted } from '../../domain/words.js';
import { releasedIndexes } from '../../schema/index.js';
import { defineCheck, ok, skipped, warn } from '../check.js';
import { beyond, named, shown } from './words.js';

interface Limits {
  /** A smaller one costs little. */
  index_bytes: number;
  /** How long nobody must have read it: a week has all the days on which reports are made. */
  days: number;
}

type Unused = { index: string; table: string; bytes: number };

/** With limits of one's own. */
export const unusedIndexesOver = ({ index_bytes, days }: Limits) =>
  defineCheck({
    name: 'unused_indexes',
    question: 'Is there an index that costs every write and that nobody reads?',
    threshold: `Over ${bytesText(index_bytes)} and never read in ${days} days, which have each day of the week; no unique one, for that is a law.`,
    async examine({ session, book, schema }) {
      const [statistics] = await session.query<{ days: number }>(
        // Where they were never reset they are as old as the book, or older.
        `select extract(epoch from clock_timestamp() - greatest(
             (select stats_reset from pg_stat_database where datname = current_database()),
             (select timezone('UTC', min(applied_at)) from ${schema}.schema_migrations)
           ))::float8 / 86400 as days`,
      );
      const since = `${statistics!.days.toFixed(1)} days`;
      if (statistics!.days < days) {
        return skipped(
          `The server has counted what is read for ${since} only; it takes ${days} days to call an index unused.`,
        );
      }
      const unused = await session.query<Unused>(
        `select s.indexrelname::text as index, s.relname::text as table, pg_relation_size(s.indexrelid)::float8 as bytes
         from pg_stat_user_indexes s join pg_index x on x.indexrelid = s.indexrelid
         where s.schemaname = $1 and s.idx_scan = 0 and x.indisvalid
           and not x.indisunique and not x.indisexclusion and not x.indisreplident
           and pg_relation_size(s.indexrelid) > $2
         order by 3 desc, 1`,
        [book, index_bytes],
      );
      const released = new Set((await releasedIndexes()).map(({ name }) => name));
      const foreign = unused.filter(({ index }) => !released.has(index));
      if (foreign.length > 0) {
        return warn(
          `${named(foreign.map(({ index }) => index))}${beyond(foreign, 'index', 'indexes')}: not read once in ${since} on this server, ` +
            `and ${bytesText(foreign.reduce((sum, { bytes }) => sum + bytes, 0))} that each write keeps up.`,
          shown(foreign),
          {
            decide:
              'whether somebody needs them, on a standby, once a year or since yesterday: the server does not tell how old an index is. If nobody does, `drop index concurrently`.',
          },
        );
      }
      const own =
        unused.length === 0
          ? ''
          : ` ${counted(unused.length, 'index', 'indexes')} of Claire's ${unused.length === 1 ? 'serves a read' : 'serve reads'} that nobody asked yet.`;
      return ok(
        `No index of book ${book} that is not Claire's went unread for ${since}.${own}`,
        shown(unused),
      );
    },
  });

export const unusedIndexes = unusedIndexesOver({ index_bytes: 10_000_000, days: 7 });
