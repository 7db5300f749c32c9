import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { type EmbeddedServer, findEmbedded, startEmbedded } from '../../src/database/embedded/index.js';
import { Database } from '../../src/database/index.js';
import { migrate } from '../../src/schema/index.js';
import { freePort } from '../harness/ports.js';
import { ask, json, start } from './cli-run.js';
import { afterwards, query, rested } from './embedded-ground.js';

/** The logins that a server had before each book had its own. */
const LOGINS = ['claire', 'signal_engine', 'risk_manager', 'execution_service', 'claire_operator'];
const NEW = ['claire_reader', 'claire_upkeep', 'claire_owner'];

/** As 1.3 left a server: one set of logins, with rights in every book, and what everybody may in any database. */
const SERVER = [
  ...NEW.flatMap((role) => [`drop owned by ${role}`, `drop role ${role}`]),
  `grant connect, temporary on database claire_de_binare to ${LOGINS.join(', ')}`,
  'grant execute on function lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea) to public',
  ...LOGINS.map((login) => `alter role ${login} connection limit -1`),
];

const ofBook = (book: string) => [
  ...LOGINS.flatMap((login) => [
    `grant usage on schema ${book} to ${login}`,
    `grant select on all tables in schema ${book} to ${login}`,
    `grant usage on all sequences in schema ${book} to ${login}`,
  ]),
  `grant insert on ${book}.signals to signal_engine, claire`,
  `alter materialized view ${book}.positions_realtime owner to claire`,
  `insert into ${book}.signals (signal_id, symbol, side, price, confidence, timestamp)
   values ('old', 'X', 'BUY', 1, 0.5, 1705072800000)`,
];

let data: string;
let there: string[];
let before: Record<string, string>;

/** A directory of 1.3, at rest, with a row in the book demo; main is empty. */
beforeEach(async () => {
  data = await rested();
  const server = await startEmbedded({ dataDir: data, port: await freePort(), settings: { fsync: 'off' } });
  const database = new Database({
    databaseUrl: server.url('postgres', { showSecrets: true }),
    applicationName: 'tests',
  });
  for (const sql of SERVER) await database.query(sql);
  for (const book of ['main', 'demo']) await migrate(database, book, { to: '1.3' });
  for (const sql of ofBook('demo')) await database.query(sql);
  await database.close();
  before = { ...(await server.passwords()) };
  await server.stop();
  const lines = (await readFile(server.passfile, 'utf8')).split('\n');
  await writeFile(
    server.passfile,
    lines.filter((line) => !NEW.some((role) => line.includes(`:${role}:`))).join('\n'),
  );
  const marker = join(data, 'postgres', 'claire.json');
  await writeFile(
    marker,
    JSON.stringify({ ...JSON.parse(await readFile(marker, 'utf8')), bootstrap: 'of 1.3' }),
  );
  there = ['--data', data];
});

/** `claire up` on the directory, which keeps its server while the test asks. */
async function up(): Promise<EmbeddedServer> {
  const running = start(['up', ...there]);
  afterwards(() => running.signal('SIGKILL'));
  await running.says('Ctrl-C');
  return (await findEmbedded(data))!;
}

test('a directory of 1.3 keeps its passwords, gets the new logins, and gives nobody more than they need', async () => {
  const server = await up();
  const now = await server.passwords();
  for (const login of ['postgres', ...LOGINS]) expect(now[login]).toBe(before[login]);
  for (const login of ['claire_reader', 'claire_upkeep'])
    expect(await query(server, login as 'claire_reader', 'select 1 as one')).toEqual([{ one: 1 }]);
  for (const sql of ['select lo_create(0)', 'create temporary table mine ()', 'create table public.mine ()'])
    await expect(query(server, 'signal_engine', sql)).rejects.toMatchObject({ code: '42501' });
  const { protection } = await json<{ protection: string[] }>('status', ...there);
  expect(protection).toEqual([]);
});

test('a book with rows stays at 1.3 until it is migrated, and then has logins of its own only', async () => {
  const positions = ['positions', '--book', 'demo', ...there];
  const refused = await ask(...positions);
  expect(refused.code).toBe(3);
  expect(refused.stderr).toMatch(/demo stands at 1\.3.*\n.*claire migrate/);
  const server = await up();
  const rows = () => query(server, 'signal_engine', 'select signal_id from demo.signals');
  expect(await rows()).toEqual([{ signal_id: 'old' }]);
  expect((await ask('migrate', '--no-backup', '--book', 'demo', ...there)).code).toBe(0);
  await expect(rows()).rejects.toMatchObject({ code: '42501' });
  expect((await ask(...positions)).code).toBe(0);
  const { roles } = await json<{
    roles: { name: string; differences: string[]; connection: string | null }[];
  }>(...['roles', 'show', '--book', 'demo', ...there]);
  expect(roles.flatMap(({ differences }) => differences)).toEqual([]);
  const { connection } = roles.find(({ name }) => name === 'signal_engine_demo')!;
  const signals = await json<{ signal_id: string }[]>(
    'signals',
    '--database-url',
    connection!,
    '--book',
    'demo',
  );
  expect(signals.map(({ signal_id }) => signal_id)).toEqual(['old']);
});

test('a server of 1.3 that still runs is used beside the one who started it', async () => {
  const server = await startEmbedded({ dataDir: data });
  const passfile = await readFile(server.passfile, 'utf8');
  const lines = passfile.split('\n').filter((line) => !NEW.some((role) => line.includes(`:${role}:`)));
  await writeFile(server.passfile, lines.join('\n'));
  expect((await ask('status', ...there)).code).toBe(0);
  expect(await readFile(server.passfile, 'utf8')).toMatch(/:claire_reader:/);
});
