import { describe, expect, test } from 'vitest';
import { recognise } from '../../src/schema/index.js';
import { refusal, useBook } from '../harness/book.js';
import { needsSeed, seedBlock } from '../harness/seed.js';
import { useSchemas } from './by-hand.js';

const book = useBook();
const { schemaOf } = useSchemas(book);

describe.runIf(needsSeed())("the seed's own SQL, run by hand", () => {
  const tables = ['signals', 'orders', 'trades', 'risk_events'].map((table) => `CREATE TABLE ${table} (`);

  /** As psql does without ON_ERROR_STOP: statement by statement, past the one that fails. */
  async function runSeed(name: string, block: string): Promise<string[]> {
    const failed: string[] = [];
    for (const statement of block
      .split(/;\s*\n(?=\n|--|$|\s*$)/)
      .filter((text) => /[A-Z]/.test(text.replace(/--.*/g, '')))) {
      await book.sql(statement, name).catch((error: Error) => failed.push(error.message));
    }
    return failed;
  }

  test('up to idx_signals_recent, where a script stops', async () => {
    const name = await schemaOf();
    const block = seedBlock(tables[0]!);
    await refusal(book.sql(block, name));
    // One message is one transaction: nothing of it stands.
    expect((await recognise(book.database, name)).inTheWay).toEqual([]);
    expect(await runSeed(name, block)).toEqual([expect.stringMatching(/must be marked IMMUTABLE/)]);
    const state = await recognise(book.database, name);
    expect(state.handMade).toBe(false);
    expect(state.inTheWay).toEqual(
      ['orders', 'trades', 'risk_events'].map((table) => `there is no table ${table}`),
    );
  });

  test('all of it is a 1.1 but for the table of its troubleshooting chapter', async () => {
    const name = await schemaOf();
    for (const table of tables) await runSeed(name, seedBlock(table));
    await runSeed(name, seedBlock('CREATE MATERIALIZED VIEW positions_realtime AS\nSELECT'));
    const state = await recognise(book.database, name);
    expect(state).toMatchObject({ version: '1.0', handMade: true, inTheWay: [] });
    expect(state.pieces?.missing).toEqual([
      'materialized_view_refreshes',
      'materialized_view_refreshes_pkey',
    ]);
    await book.sql(
      seedBlock('CREATE TABLE materialized_view_refreshes').match(/CREATE TABLE[^;]+;/)![0],
      name,
    );
    expect(await recognise(book.database, name)).toMatchObject({ version: '1.1', pieces: undefined });
  });
});
