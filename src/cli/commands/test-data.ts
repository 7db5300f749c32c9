import { readFile } from 'node:fs/promises';
import type { Claire } from '../../claire.js';
import { type Database, identifier } from '../../database/index.js';
import { sqlDirectory } from '../../schema/index.js';
import { defineCommand } from '../command.js';
import { counted } from '../print.js';
import { withBook } from '../session.js';
import { summaryText } from '../summary.js';

export const testData = defineCommand({
  usage: 'test-data',
  summary: 'Loads realistic rows into the book: always the same ones, however often it runs.',
  details:
    'A week of BTCUSDT, ETHUSDT and SOLUSDT: signals, orders in all states, open and closed trades, risk events.',
  examples: [['test-data --book play', 'rows to try things on, apart from the real record']],
  async run(invocation) {
    const { globals, out } = invocation;
    await withBook(invocation, 'claire', async (claire, place) => {
      const before = rowsOf(await claire.summary());
      await loadTestData(place.database('postgres'), claire.book);
      const summary = await claire.summary();
      const recorded = rowsOf(summary) - before;
      out.answer({ book: globals.book, recorded, summary }, () =>
        [
          recorded === 0
            ? `Nothing new was recorded: the test data is in book ${globals.book} already.`
            : `${counted(recorded, 'row')} recorded in book ${globals.book}, which now holds:`,
          summaryText(summary),
        ].join('\n'),
      );
    });
    return undefined;
  },
});

/** Its names are unqualified, so that psql can load the same file into any schema. */
export async function loadTestData(database: Database, book: string): Promise<void> {
  const text = await readFile(`${sqlDirectory('test-data')}/realistic.sql`, 'utf8');
  await database.transaction(async (t) => {
    await t.query(`set local search_path to ${identifier(book)}, pg_temp`);
    await t.query(text);
  });
}

function rowsOf(summary: Awaited<ReturnType<Claire['summary']>>): number {
  const counts = [...Object.values(summary.orders), ...Object.values(summary.risk_events)];
  return counts.reduce(
    (sum, count) => sum + count,
    summary.signals + summary.open_trades + summary.closed_trades,
  );
}
