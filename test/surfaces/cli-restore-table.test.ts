import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate } from '../../src/schema/index.js';
import { ask, json, useServer } from './cli-run.js';
import { lastingDirectory } from './physical-ground.js';

const own = useServer();
let backups = '';

const there = () => [...own.there, '--backups', backups];
const crime = (text: string) =>
  own.database.query(`begin; set local session_replication_role = replica; ${text}; commit`);

beforeAll(async () => {
  backups = await lastingDirectory();
  await migrate(own.database, 'main');
  await own.database.query(
    `insert into main.trades (trade_id, symbol, side, quantity, entry_price, entry_timestamp, status)
     select 't' || n, 'BTCUSD', 'BUY', n, 100.5, 1700000000000 + n, 'OPEN' from generate_series(1, 12) as n`,
  );
  await ask('backup', 'create', '--no-verify', ...there());
  await ofAnotherServer('main_logical_20990101T000000Z');
  await crime(`delete from main.trades where id <= 3;
    update main.trades set quantity = 99 where id = 5; update main.trades set side = 'SELL' where id = 6;
    insert into main.trades (id, trade_id, symbol, side, quantity, entry_price, entry_timestamp, status, created_at)
    values (2, 'other', 'X', 'BUY', 1, 1, 1700000000000, 'OPEN', '2020-01-01')`);
});
afterAll(() => rm(backups, { recursive: true, force: true }));

/** Beside ours lies a newer one of another server, whose book has the same name: it is never the one that is meant. */
async function ofAnotherServer(name: string): Promise<void> {
  const [ours] = (await readdir(backups)).filter((each) => each.startsWith('main_logical_'));
  const { seal: _, ...side } = JSON.parse(await readFile(join(backups, ours!, 'backup.json'), 'utf8'));
  const other = {
    ...side,
    name,
    taken_ms: Date.UTC(2099, 0),
    server: { ...side.server, system_identifier: '1' },
  };
  const seal = createHash('sha256').update(JSON.stringify(other)).digest('hex');
  await mkdir(join(backups, name));
  await writeFile(join(backups, name, 'backup.json'), JSON.stringify({ ...other, seal }));
}

test('restore --table says what differs, with examples and what to type next, and changes nothing', async () => {
  const said = await ask('restore', '--table', 'trades', ...there());
  expect(said.code).toBe(0);
  const text = said.stdout.replace(/main_logical_\w+/g, 'NAME').replace(/taken [\d: -]+Z/, 'taken THEN');
  expect(text.replace(/ +\d{4}-\d\d-\d\dT[\d:.]+/g, '  THEN')).toBe(
    `Table trades of book main has 10 rows; in NAME, taken THEN, it has 12.
           rows
missing       3  in the backup, and not in the table
different     2  in both, with other values
extra         1  in the table only, though the backup should have them; they stay

Missing:
id  trade_id  symbol  side  status  quantity  entry_price  created_at
 1  t1        BTCUSD  BUY   OPEN           1        100.5  THEN
 2  t2        BTCUSD  BUY   OPEN           2        100.5  THEN
 3  t3        BTCUSD  BUY   OPEN           3        100.5  THEN

Different:
row  column    in the backup  now
t5   quantity  5              99
t6   side      BUY            SELL

Extra:
id  trade_id  symbol  side  status  quantity  entry_price  created_at
 2  other     X       BUY   OPEN           1            1  THEN

Nothing was changed. To bring rows back, type:
  claire restore NAME --book main --table trades --apply missing
  claire restore NAME --book main --table trades --apply different
`,
  );
});

test('restore --table --apply asks first, and tells what came and whether the laws hold', async () => {
  const unasked = await ask('restore', '--table', 'trades', '--apply', 'missing', ...there());
  expect([unasked.code, unasked.stderr]).toEqual([4, expect.stringContaining('--yes')]);
  await crime(`delete from main.trades where trade_id = 'other'`);
  const came = await json<{ applied: object; broken: string[]; missing: { rows: number } }>(
    ...['restore', '--table', 'trades', '--apply', 'missing', '--yes', ...there()],
  );
  expect(came).toMatchObject({
    missing: { rows: 3 },
    applied: { table: 'trades', rows: 3, corrections: 3 },
    broken: [],
  });
});

test('restore --table refuses what does not come back alone before anything is read', async () => {
  const refused = await ask('restore', '--table', 'limits', ...there());
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('claire limits set')]);
  const alone = await ask('restore', '--apply', 'missing', ...there());
  expect([alone.code, alone.stderr]).toEqual([2, expect.stringContaining('--apply wants --table')]);
});

test('backup create --kind pg_dump says which pg_dump it needs where there is none', async () => {
  process.env.CLAIRE_PG_BIN = backups;
  const said = await ask('backup', 'create', '--kind', 'pg_dump', ...there());
  delete process.env.CLAIRE_PG_BIN;
  expect([said.code, said.stderr]).toEqual([3, expect.stringContaining(`There is none in ${backups}.`)]);
  expect(said.stderr).toContain('--kind logical');
});
