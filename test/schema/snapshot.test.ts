import { readFile } from 'node:fs/promises';
import { expect, inject, test } from 'vitest';
import { expectedCatalog, LATEST_VERSION, snapshotText } from '../../src/schema/index.js';
import { useBook } from '../harness/book.js';

const book = useBook();
const major = inject('major');
if (major !== 18)
  process.stderr.write(
    `Not compared with sql/schema.snapshot.sql: ${major} writes some definitions differently.\n`,
  );

test.skipIf(major !== 18)('the snapshot is what the migrations result in (npm run docs)', async () => {
  const text = snapshotText(await expectedCatalog(book.database, LATEST_VERSION));
  expect(await readFile('sql/schema.snapshot.sql', 'utf8')).toBe(text);
});

test('the snapshot names every object once, under its table', async () => {
  const catalog = await expectedCatalog(book.database, LATEST_VERSION);
  const text = snapshotText(catalog);
  for (const { definition } of catalog) expect(text).toContain(definition);
  const gone = catalog.filter(({ name }) => name !== 'idx_trades_order_id');
  expect(snapshotText(gone)).not.toBe(text);
});
