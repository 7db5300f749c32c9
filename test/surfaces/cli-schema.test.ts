import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { LATEST_VERSION, migrate, readMigrations } from '../../src/schema/index.js';
import { ask, claire, json, useServer } from './cli-run.js';
import { needs, postgres15 } from './embedded-ground.js';

const desk = useServer();
const psql = `${postgres15}/bin/psql`;

const schema = (book: string, ...words: string[]) => [...desk.there, '--book', book, 'schema', ...words];
const lastLine = (text: string) => text.trimEnd().split('\n').at(-1);

/** A book, to which somebody did something. */
async function damaged(book: string, ...statements: string[]): Promise<void> {
  await ask(...desk.there, 'book', 'create', book);
  await desk.database.session(async (session) => {
    await session.query(`set search_path to ${book}`);
    for (const statement of statements) await session.query(statement);
    await session.query('reset search_path');
  });
}

const DAMAGES = [
  'drop index idx_trades_order_id',
  'alter table signals alter column created_at set default now()',
  `create or replace function fill_created_at() returns trigger language plpgsql as $$
begin
  new.created_at := now();
  return new;
end;
$$`,
  'alter table trades drop constraint trades_side_check',
  `alter table trades add constraint trades_side_check check (side in ('BUY', 'SELL')) not valid`,
  'drop table candles',
  'create table mine (x text, y text)',
  'alter table signals add constraint mine check (price < 5)',
];

test('a book as it was made has nothing to say: verify ends with 0, diff prints no SQL', async () => {
  await damaged('whole');
  expect(await ask(...schema('whole', 'verify'))).toEqual({
    code: 0,
    stdout: `Book whole is as ${LATEST_VERSION} says.\n`,
    stderr: '',
  });
  const { code, stdout, stderr } = await ask(...schema('whole', 'diff'));
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  expect(stderr).toBe(`Book whole is as ${LATEST_VERSION} says: there is nothing to mend.\n`);
});

test('what is missing, different, invalid and extra is told apart, expected over actual, and ends with 1', async () => {
  await damaged('apart', ...DAMAGES);
  const { code, stdout } = await claire(...schema('apart', 'verify'));
  expect(code).toBe(1);
  const groups = stdout.split('\n\n');
  expect(groups.map((group) => group.split(':')[0])).toEqual([
    ...['missing', 'different', 'invalid', 'extra'],
    '5 differences matter',
  ]);
  expect(groups[0]).toMatch(/ {2}table candles\n {4}expected {2}create table candles\n +with \d+ parts/);
  expect(groups[0]).toMatch(/ {2}index idx_trades_order_id on trades\n {4}expected {2}CREATE INDEX/);
  expect(groups[1]).toMatch(
    /column signals.created_at\n {4}expected .* default timezone\(.*\n {4}actual .* default now\(\)\n/,
  );
  expect(groups[2]).toMatch(
    /constraint trades.trades_side_check\n {4}expected .*\n {4}actual .* {2}-- not valid/,
  );
  expect(groups[3]).toMatch(/table mine\n {4}actual .*/);
  expect(groups[3]).toMatch(/constraint signals.mine\n {4}actual {4}CHECK \(price < 5::numeric\)/);
  expect(groups[4]).toMatch(/`claire schema diff` prints the SQL that mends\. 2 differences do not matter\./);
});

test('of a function only the lines that differ are shown', async () => {
  await damaged('lines', DAMAGES[2]!);
  const { stdout } = await ask(...schema('lines', 'verify'));
  expect(stdout.split('\n').filter((line) => /created_at :=/.test(line))).toEqual([
    "    expected    new.created_at := timezone('UTC', now());",
    '    actual      new.created_at := now();',
  ]);
  expect(stdout).not.toMatch(/return new.*\n.*end;/);
});

test('what is extra does not matter, and diff leaves it alone', async () => {
  await damaged('richer', ...DAMAGES.slice(-2), 'create index mine_x on signals (side)');
  const { code, stdout } = await ask(...schema('richer', 'verify'));
  expect(code).toBe(0);
  expect(lastLine(stdout)).toBe(`Book richer is as ${LATEST_VERSION} says. 3 differences do not matter.`);
  const { stdout: sql, stderr } = await ask(...schema('richer', 'diff'));
  expect(sql.trimEnd().split('\n')).toEqual([
    '-- extra, left alone: table mine',
    '-- extra, left alone: constraint signals.mine',
    '-- extra, left alone: index mine_x on signals',
  ]);
  expect(stderr).toMatch(/nothing to mend/);
});

test('a program gets the same as JSON', async () => {
  await damaged('program', DAMAGES[0]!, DAMAGES[6]!);
  const said = await json(...schema('program', 'verify'));
  expect(said).toMatchObject({
    book: 'program',
    version: LATEST_VERSION,
    latest: LATEST_VERSION,
    agrees: false,
  });
  expect(said.differences).toEqual([
    {
      ...{ state: 'missing', kind: 'index', name: 'idx_trades_order_id', table: 'trades', matters: true },
      expected: 'CREATE INDEX idx_trades_order_id ON trades USING btree (order_id)',
      actual: null,
    },
    expect.objectContaining({ state: 'extra', kind: 'table', name: 'mine', matters: false }),
  ]);
  const { statements } = await json(...schema('program', 'diff'));
  expect(statements).toEqual([
    'set search_path to "program", pg_temp',
    'set check_function_bodies to off',
    'CREATE INDEX CONCURRENTLY idx_trades_order_id ON trades USING btree (order_id)',
    '-- extra, left alone: table mine',
  ]);
});

test.skipIf(!needs(existsSync(psql), psql))(
  'psql takes what diff prints, and the book is mended',
  async () => {
    await damaged('mended', ...DAMAGES);
    const { stdout: input } = await ask(...schema('mended', 'diff'));
    const { status, stderr } = spawnSync(
      psql,
      ['-XqAt', '-v', 'ON_ERROR_STOP=1', desk.server.url('postgres', { showSecrets: true })],
      { input, encoding: 'utf8' },
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect((await ask(...schema('mended', 'verify'))).code).toBe(0);
  },
);

test('an older book is held against its own version, and that is said', async () => {
  await ask(...desk.there, '--book', 'older', 'migrate', '--to', '1.1');
  const { code, stdout } = await ask(...schema('older', 'verify'));
  expect(code).toBe(0);
  expect(stdout).toBe(
    `Book older stands at 1.1, which it was held against; the newest is ${LATEST_VERSION}. Book older is as 1.1 says.\n`,
  );
  await desk.database.query('drop index older.idx_orders_status_created');
  expect((await ask(...schema('older', 'verify'))).code).toBe(1);
});

test('a book on its way is held against the version that it left', async () => {
  await migrate(desk.database, 'between', { to: '1.1' });
  const next = (await readMigrations()).find(({ version }) => version === '1.2')!;
  await desk.database.query(
    `insert into between.schema_migrations (number, name, version, hash, duration_ms) values ($1, $2, '1.2', $3, 0)`,
    [next.number, next.name, next.hash],
  );
  expect((await ask(...schema('between', 'verify'))).stdout).toMatch(
    /on its way from 1\.1, .* finish it with `claire migrate`/,
  );
});

test('a book that is not there, and one that is newer, are refused with what to do', async () => {
  const missing = await ask(...schema('nowhere', 'verify'));
  expect(missing.code).toBe(4);
  expect(missing.stderr).toMatch(/There is no book nowhere here/);
  await damaged(
    'newer',
    `insert into schema_migrations (number, name, version, hash, duration_ms) values (99, 'later', '9.9', 'x', 0)`,
  );
  const newer = await ask(...schema('newer', 'diff'));
  expect(newer.code).toBe(3);
  expect(newer.stderr).toMatch(/newer stands at 9\.9/);
});

test('a login that may not make a schema is told which right it needs', async () => {
  await damaged('guarded');
  const url = await desk.login('signal_engine', 'guarded');
  const { code, stderr } = await ask('--database-url', url, '--book', 'guarded', 'schema', 'verify');
  expect(code).toBe(4);
  expect(stderr).toMatch(/signal_engine_guarded needs CREATE on database claire/);
});
