import { grouped } from '../../domain/words.js';
import { defineCheck, ok, warn } from '../check.js';
import { shown } from './words.js';

const LEAST_SHARE = 0.95;
/** Below, the share is one of the first minutes, when every page is read once. */
const ENOUGH_READS = 100_000;

/** A table with its indexes and what it keeps out of line. */
interface Cached {
  table: string;
  blocks_read: number;
  blocks_hit: number;
}

export const cacheHit = defineCheck({
  name: 'cache_hit',
  question: "Are the pages that statements want in the server's memory?",
  threshold:
    `${LEAST_SHARE * 100} % of what was asked for since the statistics began, from ${grouped(ENOUGH_READS)} blocks read on: ` +
    'below, the tables in use are larger than shared_buffers.',
  of: 'server',
  async examine({ session }) {
    const tables = await session.query<Cached>(
      `select schemaname || '.' || relname as table,
         (coalesce(heap_blks_read, 0) + coalesce(idx_blks_read, 0)
           + coalesce(toast_blks_read, 0) + coalesce(tidx_blks_read, 0))::float8 as blocks_read,
         (coalesce(heap_blks_hit, 0) + coalesce(idx_blks_hit, 0)
           + coalesce(toast_blks_hit, 0) + coalesce(tidx_blks_hit, 0))::float8 as blocks_hit
       from pg_statio_user_tables order by 2 desc, 1`,
    );
    const read = sum(tables.map(({ blocks_read }) => blocks_read));
    const share = 1 - read / Math.max(1, read + sum(tables.map(({ blocks_hit }) => blocks_hit)));
    if (read < ENOUGH_READS) {
      return ok(`${grouped(read)} blocks were read since the statistics began: too few to judge.`);
    }
    const percent = `${(share * 100).toFixed(1)} %`;
    if (share >= LEAST_SHARE)
      return ok(`${percent} of the blocks that were asked for lay in shared_buffers.`);
    const [row] = await session.query<{ shared_buffers: string }>(
      "select current_setting('shared_buffers') as shared_buffers",
    );
    return warn(
      `${percent} of the blocks that were asked for lay in shared_buffers (${row!.shared_buffers}); ${grouped(read)} were read, most of them for ${tables[0]!.table}.`,
      shown(tables.filter(({ blocks_read }) => blocks_read > 0).map((table) => ({ ...table }))),
      {
        decide:
          'between larger shared_buffers (a quarter of the memory of the machine is usual; it takes a restart), shorter retention ' +
          '(`claire retention`), and statements that read less (`claire queries`).',
      },
    );
  },
});

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
