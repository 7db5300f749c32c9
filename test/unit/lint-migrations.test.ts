import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';

const HEADER = ['title: T', 'version: 1.2', 'breaking: no', 'locks: some'];

// Each finding is a process of its own.
vi.setConfig({ testTimeout: 60_000 });

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'claire-lint-'));
});
afterAll(() => rm(directory, { recursive: true }));

/** What `npm run check` says of a migration: its findings, or nothing. */
async function findings(text: string, ...header: string[]): Promise<string[]> {
  const file = join(directory, '0099_tried.sql');
  await writeFile(file, [...[...HEADER, ...header].map((line) => `-- ${line}`), '', text].join('\n'));
  const { status, stderr } = spawnSync('node', ['scripts/lint-migrations.js', file], { encoding: 'utf8' });
  const found = [...stderr.matchAll(/0099_tried\.sql:(\d+): ([\w-]+): /g)].map(
    ([, line, rule]) => `${rule} in line ${line}`,
  );
  expect(status, stderr).toBe(found.length === 0 ? 0 : 1);
  return found;
}

test('a law that reads the whole table under its lock is refused', async () => {
  const law = 'alter table signals add constraint signals_x_check check (price > 0)';
  expect(await findings(`${law};`, 'transaction: no')).toEqual(['constraint-missing-not-valid in line 7']);
  expect(await findings(`${law} not valid;`, 'transaction: no')).toEqual([]);
});

test('a file for several tables is linted as it is run', async () => {
  const header = ['transaction: no', 'for: signals, orders', 'let type: integer'];
  expect(await findings('alter table {table} alter column x type {type};', ...header)).toEqual([
    'changing-column-type in line 9',
    'prefer-bigint-over-int in line 9',
  ]);
});

test('an index that stops writers is refused, and so is CONCURRENTLY in a transaction', async () => {
  const index = (how: string) => `create index ${how} if not exists i on signals (price);`;
  expect(await findings(index(''), 'transaction: no')).toEqual([
    'require-concurrent-index-creation in line 7',
  ]);
  expect(await findings(index('concurrently'), 'transaction: no')).toEqual([]);
  expect(await findings(`${index('concurrently')} select 1;`, 'transaction: yes')).toEqual([
    'ban-concurrent-index-creation-in-transaction in line 7',
  ]);
});

test('what is no SQL is refused', async () => {
  expect(await findings('alter tble signals;', 'transaction: no')).toContain('syntax-error in line 7');
});
