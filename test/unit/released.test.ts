import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { readMigrations } from '../../src/schema/index.js';

/** A line for each file of a released version: its hash over it and all before it, and its name. */
const released = async () =>
  (await readFile(new URL('../../sql/released.txt', import.meta.url), 'utf8')).trim().split('\n');
/** The newest version whose files are frozen. */
const RELEASED = '1.5';

describe('released migrations', () => {
  test('are never edited, removed or joined by others', async () => {
    const migrations = await readMigrations();
    const last = migrations.findLast(({ version }) => version === RELEASED)!;
    expect(migrations.slice(0, last.number).map(({ hash, name }) => `${hash} ${name}`)).toEqual(
      await released(),
    );
  });
});
