import { rm } from 'node:fs/promises';
import { beforeAll, expect, test } from 'vitest';
import { createBook } from '../../src/schema/index.js';
import { type Coverage, retentionTask, runUpkeep } from '../../src/upkeep/index.js';
import { ask, json, useServer } from './cli-run.js';
import { until } from './embedded-ground.js';
import { lastingDirectory } from './physical-ground.js';

const desk = useServer();
let there: string[];

const record = (book: string, id: string, days: number) =>
  desk.database.query(
    `insert into "${book}".signals (signal_id, symbol, side, price, confidence, timestamp, created_at)
     values ($1, 'X', 'BUY', 1, 1, 1705072800000, timezone('UTC', now()) - $2 * interval '1 day')`,
    [id, days],
  );
const left = async (book: string) =>
  (await desk.database.query<{ id: string }>(`select signal_id as id from "${book}".signals order by 1`)).map(
    ({ id }) => id,
  );

beforeAll(async () => {
  await createBook(desk.database, 'desk');
  const backups = await lastingDirectory();
  there = ['--book', 'desk', ...desk.there];
  for (const [id, days] of Object.entries({ old: 60, young: 1 })) await record('desk', id, days);
  process.env.CLAIRE_BACKUPS = backups;
  return () => rm(backups, { recursive: true, force: true });
});

test('shows how long each table is kept, and what is due', async () => {
  const { stdout } = await ask('retention', 'show', ...there);
  expect(stdout).toMatch(/^signals +30d .* 1 +0 /m);
  expect(stdout).toMatch(/^trades +for ever$/m);
  expect(stdout).toContain('nothing goes until there is one');
});

test('is refused without a verified backup, and says what to type', async () => {
  const { code, stderr } = await ask('retention', 'run', ...there);
  expect(code).toBe(4);
  expect(stderr).toContain('claire backup create');
  expect(await left('desk')).toEqual(['old', 'young']);
});

test('a dry run says what the run after it removes', async () => {
  const { due } = await json<{ due: { table: string; rows: number; ids: string[] }[] }>(
    ...['retention', 'run', '--dry-run', '--ids', '--without-backup', ...there],
  );
  expect(due.find(({ table }) => table === 'signals')).toMatchObject({ rows: 1, ids: ['1'] });
  expect(await left('desk')).toEqual(['old', 'young']);
  const { runs } = await json<{ runs: { table: string; removed: number }[] }>(
    ...['retention', 'run', '--without-backup', ...there],
  );
  expect(runs.find(({ table }) => table === 'signals')!.removed).toBe(1);
  expect(await left('desk')).toEqual(['young']);
  expect((await ask('retention', 'runs', '--table', 'signals', ...there)).stdout).toContain('done');
});

test.each<[string, string[], number, string]>([
  ['trades', ['trades', '30d'], 4, 'kept for ever'],
  ['what has none', ['corrections', '30d'], 2, 'table'],
  ['minutes that were meant as months', ['signals', '3m'], 2, 'm are minutes'],
  ['no term', ['signals', 'soon'], 2, '30s, 10m'],
])('a horizon of %s is refused', async (_, args, code, text) => {
  const ended = await ask('retention', 'set', ...args, '--reason', 'r', ...there);
  expect([ended.code, ended.stderr]).toEqual([code, expect.stringContaining(text)]);
});

test('sets a horizon, in words for people', async () => {
  const set = (...more: string[]) => ask('retention', 'set', 'signals', ...more, '--reason', 'r', ...there);
  expect((await set('60d')).stdout).toContain('are kept for 60d (before: for 30d)');
  expect((await set('60d')).stdout).toContain('Nothing changed');
  expect((await set('90m', '--under-a-day')).stdout).toContain('for 90m');
  expect((await set('forever')).stdout).toContain('are kept for ever');
});

test('up removes what a verified backup holds, and without one says so once and waits', async () => {
  await createBook(desk.database, 'kept');
  await record('kept', 'old', 60);
  const errors: string[] = [];
  const end = new AbortController();
  let coverage: Coverage | undefined;
  let asked = 0;
  const clock = {
    now: () => performance.now() * 1e6,
    sleep: () => new Promise<void>((done) => setTimeout(done, 1)),
  };
  const running = runUpkeep(desk.database, 'kept', {
    signal: end.signal,
    clock,
    tasks: [
      retentionTask(async () => {
        asked++;
        return coverage;
      }),
    ],
    onError: (error) => errors.push((error as Error).message),
  });
  await until(() => asked > 3);
  expect(await left('kept')).toEqual(['old']);
  expect(errors).toHaveLength(1);
  expect(errors[0]).toContain('No verified backup');
  coverage = { name: 'b', until_ms: Date.now() };
  await until(async () => (await left('kept')).length === 0);
  end.abort();
  await running;
});

test('what runs apart does not keep the rest of the upkeep waiting', async () => {
  await createBook(desk.database, 'apart');
  const end = new AbortController();
  let folded = 0;
  let [isBegun, isStopped] = [false, false];
  await runUpkeep(desk.database, 'apart', {
    ...{ signal: end.signal, onError: () => {} },
    clock: {
      now: () => performance.now() * 1000,
      sleep: () => new Promise<void>((done) => setTimeout(done, 1)),
    },
    tasks: [
      {
        ...{ name: 'long', every_ms: 1000, apart: true },
        run: async (_session, _book, signal) => {
          isBegun = true;
          await until(() => signal.aborted);
          isStopped = true;
        },
      },
      {
        ...{ name: 'fold', every_ms: 1000 },
        run: async () => {
          if (isBegun && ++folded === 5) end.abort();
        },
      },
    ],
  });
  expect(folded).toBe(5);
  expect(isStopped).toBe(true);
});
