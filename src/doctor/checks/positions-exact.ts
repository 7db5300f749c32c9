import { counted, grouped } from '../../domain/words.js';
import { readChecks } from '../../operations/index.js';
import { completePositions } from '../../schema/index.js';
import { defineCheck, fail, ok, warn } from '../check.js';
import { beyond, named, shown } from './words.js';

/** The same that `claire verify` asks. */
const LAW = 'positions_equal_open_trades';
/** Reading positions takes 0.8 ms beside 1,000 changes and grows with them; `claire up` folds every second. */
const UNFOLDED = 10_000;

type Wrong = {
  symbol: string;
  side: string;
  total_quantity: string | null;
  trades_quantity: string | null;
  total_value_usd: string | null;
  trades_notional: string | null;
  num_trades: number | null;
  trades_count: number | null;
};

export const positionsExact = defineCheck({
  name: 'positions_exact',
  question: 'Do the positions equal the open trades, and are they read quickly?',
  threshold: `A single digit that differs is wrong. Over ${grouped(UNFOLDED)} unfolded changes make each read of positions slow.`,
  async examine({ session, schema }) {
    const law = (await readChecks(schema)).find(({ check }) => check === LAW)!;
    // Closed trades are most of the table: their index leads past them, whatever the planner believes of it.
    await session.query('set local enable_seqscan to off');
    const wrong = await session.query<Wrong>(law.sql);
    if (wrong.length > 0) {
      const symbols = [...new Set(wrong.map(({ symbol }) => symbol))].sort();
      return fail(
        `The positions of ${named(symbols)} are not what the open trades say${beyond(wrong, 'position')}.`,
        shown(wrong),
        { fix: [...(wrong.some(hasNaN) ? withoutNaN(schema) : []), completePositions(schema)] },
      );
    }
    const [found] = await session.query<{ unfolded: number }>(
      `select count(*)::int as unfolded from (select from ${schema}.position_changes limit 100000) as c`,
    );
    const { unfolded } = found!;
    if (unfolded <= UNFOLDED)
      return ok(`Every position equals its open trades; ${counted(unfolded, 'change')} to be folded.`);
    const count = unfolded === 100_000 ? '100,000 changes or more' : counted(unfolded, 'change');
    return warn(
      `Every position equals its open trades, but ${count} of them are not folded: \`claire up\` does that every second.`,
      [{ unfolded_changes: unfolded }],
      { fix: [`select ${schema}.fold_position_changes(${MOST})`] },
    );
  },
});

/** All that there are, in one statement. */
const MOST = 2_147_483_647;

const hasNaN = ({ total_quantity, total_value_usd }: Wrong): boolean =>
  total_quantity === 'NaN' || total_value_usd === 'NaN';

/** A sum that is no number stays so whatever is added to it. */
const withoutNaN = (schema: string): string[] =>
  ['position_totals', 'position_changes'].map(
    (table) => `delete from ${schema}.${table} where 'NaN' in (quantity, notional)`,
  );
