import { describe, expect, test } from 'vitest';
import { Database } from '../../src/database/index.js';
import { cacheHit } from '../../src/doctor/checks/cache-hit.js';
import { oldestSnapshotOver } from '../../src/doctor/checks/oldest-snapshot.js';
import { transactionIdsOver } from '../../src/doctor/checks/transaction-ids.js';
import { holdOpen } from '../harness/hold.js';
import { waitFor } from '../harness/wait.js';
import { ask, mend } from './ground.js';
import { useOwnServer } from './own-server.js';

/** Small enough to be filled, and to read a table again and again. */
const own = useOwnServer({
  settings: { max_connections: '40', shared_buffers: '1MB', max_prepared_transactions: '2' },
});
const { sql } = own;

/** Until the setting is so in new sessions and in this one. */
const until = (name: string, value: string) =>
  waitFor(async () => expect(await sql(`show ${name}`)).toEqual([{ [name]: value }]));

describe('settings', () => {
  const look = () => ask(own, 'settings');

  test('the embedded server is set as it should be', async () => {
    expect(await look()).toMatchObject({ result: 'ok', remedy: null });
  });

  test.each([
    ['fsync', 'off', 'fail'],
    ['full_page_writes', 'off', 'fail'],
    ['synchronous_commit', 'off', 'warn'],
    ['autovacuum', 'off', 'warn'],
    ['track_counts', 'off', 'warn'],
    ['log_min_duration_statement', '-1', 'warn'],
  ])('%s %s is found, and mended by its remedy', async (name, value, result) => {
    await sql(`alter system set ${name} = '${value}'`);
    await sql('select pg_reload_conf()');
    await until(name, value);
    const found = await look();
    expect(found).toMatchObject({
      result,
      sentence: expect.stringContaining(`${name} is ${value}`),
      evidence: [{ setting: name, value, source: 'configuration file' }],
    });
    await mend(own, found);
    await waitFor(async () => expect((await look()).result).toBe('ok'));
  });

  test('what stands over ALTER SYSTEM, and who is no superuser, is left to a person', async () => {
    await sql("alter role claire_reader set synchronous_commit = 'off'");
    const databaseUrl = own.server.url('claire_reader', { showSecrets: true });
    const database = new Database({ databaseUrl, applicationName: 'tests', connections: 1 });
    try {
      expect(await ask({ database }, 'settings')).toMatchObject({
        result: 'warn',
        evidence: [{ setting: 'synchronous_commit', source: 'user' }],
        remedy: { decide: expect.stringContaining('superuser') },
      });
    } finally {
      await database.close();
      await sql('alter role claire_reader reset synchronous_commit');
    }
  });

  test('a database that takes fewer connections than the budget is found', async () => {
    await sql(`alter database ${own.server.database} connection limit 10`);
    expect(await look()).toMatchObject({
      result: 'warn',
      sentence: expect.stringContaining('connection limit of 10'),
    });
    await sql(`alter database ${own.server.database} connection limit -1`);
    expect((await look()).result).toBe('ok');
  });
});

test('a server that is about to refuse connections is found, also where other databases hold them', async () => {
  expect((await ask(own, 'connections')).result).toBe('ok');
  const url = new URL(own.server.url('postgres', { showSecrets: true }));
  url.pathname = '/postgres';
  const elsewhere = new Database({ databaseUrl: url.href, applicationName: 'elsewhere', connections: 34 });
  const sessions = await Promise.all(
    Array.from({ length: 34 }, () => elsewhere.session((session) => session.query('select pg_sleep(1)'))),
  );
  expect(sessions).toHaveLength(34);
  const found = await ask(own, 'connections');
  expect(found).toMatchObject({
    result: 'fail',
    sentence: expect.stringMatching(/^The server has 3\d of 37 connections that are not reserved/),
  });
  await elsewhere.close();
  await waitFor(async () => expect((await ask(own, 'connections')).result).toBe('ok'));
});

test('tables that do not fit into the memory of the server are found, the most read first', async () => {
  expect(await ask(own, 'cache_hit')).toMatchObject({
    result: 'ok',
    sentence: expect.stringContaining('too few'),
  });
  // In whole pages: what is long is kept out of line else.
  await sql('create table public.wide (n int, filler text)');
  await sql('alter table public.wide alter column filler set storage plain');
  await sql('insert into public.wide select n, repeat(md5(n::text), 60) from generate_series(1, 8000) n');
  const blocks = await sql<{ blocks: number }>(
    "select (pg_relation_size('public.wide') / 8192)::int as blocks",
  );
  const rounds = Math.ceil(110_000 / Math.max(1, blocks[0]!.blocks));
  await sql(`do $$ begin for n in 1..${rounds} loop perform count(*) from public.wide; end loop; end $$`);
  await sql('select pg_stat_force_next_flush()');
  const found = await waitFor(async () => {
    const diagnosis = await ask(own, 'cache_hit');
    expect(diagnosis.result).toBe('warn');
    return diagnosis;
  });
  expect(found).toMatchObject({
    sentence: expect.stringMatching(
      /^\d+\.\d % of the blocks .* \(1MB\); .* most of them for public\.wide\.$/,
    ),
    remedy: { decide: expect.stringContaining('shared_buffers') },
  });
  expect(found.evidence[0]).toMatchObject({ table: 'public.wide', blocks_read: expect.any(Number) });
  // The statistics begin again, as after a restart with more memory.
  await sql('select pg_stat_reset()');
  await waitFor(async () => expect((await ask(own, cacheHit)).result).toBe('ok'));
});

describe('oldest snapshot of what is no session', () => {
  const look = () => ask(own, oldestSnapshotOver({ age_seconds: 1, retained_bytes: 2_000_000 }));

  test('a prepared transaction that nobody ends is found by its name', async () => {
    await sql('create table public.prepared (n int)');
    await own.database.session(async (session) => {
      await session.query('begin');
      await session.query('insert into public.prepared values (1)');
      await session.query("prepare transaction 'forgotten'");
    });
    const found = await waitFor(
      async () => {
        const diagnosis = await look();
        expect(diagnosis.result).toBe('warn');
        return diagnosis;
      },
      { timeout: 10_000 },
    );
    expect(found).toMatchObject({
      sentence: expect.stringMatching(/^The prepared transaction forgotten has held back vacuum for \d+ s/),
      evidence: [{ what: 'prepared transaction', name: 'forgotten', role: 'postgres' }],
      remedy: { decide: expect.stringContaining('committed or rolled back') },
    });
    await sql("commit prepared 'forgotten'");
    expect((await look()).result).toBe('ok');
  });

  test('a replication slot that nobody reads is found by the log that it keeps', async () => {
    await sql("select pg_create_physical_replication_slot('standby', true)");
    await sql('create table public.written as select n, md5(n::text) from generate_series(1, 50000) n');
    const found = await look();
    expect(found).toMatchObject({
      result: 'warn',
      sentence: expect.stringMatching(
        /^The replication slot standby has been read by nobody.* and keeps .* MB of log\.$/,
      ),
      evidence: [{ what: 'replication slot', name: 'standby', state: 'inactive' }],
      remedy: { decide: expect.stringContaining("pg_drop_replication_slot('standby')") },
    });
    await sql("select pg_drop_replication_slot('standby')");
    expect((await look()).result).toBe('ok');
  });
});

describe('transaction ids', () => {
  /** A transaction of its own each time, and so an id. */
  const burn = () =>
    sql('do $$ begin for n in 1..4000 loop perform pg_current_xact_id(); commit; end loop; end $$');

  async function freeze(name: string, ...more: string[]): Promise<void> {
    const url = new URL(own.server.url('postgres', { showSecrets: true }));
    url.pathname = `/${name}`;
    const database = new Database({ databaseUrl: url.href, applicationName: 'tests', connections: 1 });
    await database.query(`vacuum (${['freeze', ...more].join(', ')})`);
    await database.close();
  }

  const age = async () =>
    (
      await sql<{ age: number }>(
        `select greatest(age(datfrozenxid), mxid_age(datminmxid)) as age from pg_database where datname = current_database()`,
      )
    )[0]!.age;

  test('a fresh server has given back its ids', async () => {
    expect(await ask(own, 'transaction_ids')).toMatchObject({ result: 'ok', remedy: null });
  });

  test.each([
    ['warn', 1e9],
    ['fail', 3000],
  ])(
    'tables that were not frozen in time are named, and freezing them mends it: %s',
    async (result, fail_age) => {
      await burn();
      expect(await age()).toBeGreaterThan(3000);
      const look = () => ask(own, transactionIdsOver({ warn_age: 2000, fail_age }));
      const others = await look();
      expect(others).toMatchObject({
        result,
        sentence: expect.stringContaining(`Database ${own.server.database} has ids of `),
        remedy: { fix: ['vacuum (freeze)'] },
      });
      expect(others.evidence).toHaveLength(20);
      expect(others.evidence[0]).toMatchObject({ table: expect.any(String), xid_age: expect.any(Number) });
      await mend(own, others);
      // Those of the other databases are as old, and cannot be frozen from here.
      expect(await look()).toMatchObject({
        sentence: expect.stringMatching(/^Database (postgres|template1) /),
        remedy: { decide: expect.stringContaining('it cannot be done from here') },
      });
      await freeze('postgres');
      await freeze('template1');
      expect((await look()).result).toBe('ok');
    },
  );

  test('where only some tables are old, these are frozen one by one', async () => {
    await sql('create table public.kept (n int)');
    await burn();
    const release = await holdOpen(own.database, ['lock table public.kept in share update exclusive mode']);
    await freeze(own.server.database, 'skip_locked');
    await release();
    await freeze('postgres');
    await freeze('template1');
    const look = () => ask(own, transactionIdsOver({ warn_age: 2000, fail_age: 1e9 }));
    const found = await look();
    expect(found).toMatchObject({
      result: 'warn',
      evidence: [{ schema: 'public', table: 'kept' }],
      remedy: { fix: ['vacuum (freeze) "public"."kept"'] },
    });
    await mend(own, found);
    expect((await look()).result).toBe('ok');
  });
});
