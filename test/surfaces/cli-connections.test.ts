import pg from 'pg';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Login } from '../../src/database/embedded/index.js';
import type { ConnectionsReport, IdleConnection, LeftConnection } from '../../src/doctor/index.js';
import { ask, json, useServer } from './cli-run.js';
import { needs, until } from './embedded-ground.js';
import { hasTerminal, onTerminal } from './terminal.js';

const desk = useServer();
/** As a login; else as the superuser. */
const on = (login: Login = 'postgres') => [
  '--database-url',
  desk.server.url(login, { showSecrets: true }),
  'connections',
];
const report = (login?: Login) => json<ConnectionsReport>(...on(login));

interface Ends {
  ended: IdleConnection[];
  left: LeftConnection[];
}

const open: pg.Client[] = [];
afterEach(async () => {
  for (const client of open.splice(0)) await client.end().catch(() => {});
  await until(async () => {
    const [row] = await desk.database.query<{ others: number }>(
      `select count(*) as others from pg_stat_activity
       where application_name not in ('tests', 'claire visitor') and backend_type in ('client backend', 'walsender')`,
    );
    return row!.others === 0;
  });
});

interface Session {
  application?: string;
  database?: string;
  replication?: 'database';
}

/** A session of a login that stays as its statement leaves it. */
async function session(
  login: Login,
  statement = 'select 1',
  { application, database, replication }: Session = {},
) {
  const { server } = desk;
  const client = new pg.Client({
    ...{ host: server.host, port: server.port, user: login, password: server.password(login) },
    ...{ database: database ?? server.database, application_name: application ?? login },
    ...(replication ? ({ replication } as object) : {}),
  });
  client.on('error', () => {});
  await client.connect();
  open.push(client);
  await client.query(statement);
  return client;
}

const pidOf = async (client: pg.Client): Promise<number> =>
  (await client.query('select pg_backend_pid() as pid')).rows[0].pid;
const lives = async (client: pg.Client): Promise<boolean> =>
  client.query('select 1').then(
    () => true,
    () => false,
  );
/** Long enough to have been idle for a second. */
const rest = () => desk.database.query('select pg_sleep(1.1)');

describe('claire connections', () => {
  test('counts each application and role by what its sessions do', async () => {
    await session('signal_engine');
    await session('signal_engine', 'begin; select 1');
    const busy = await session('signal_engine');
    const asleep = busy.query('select pg_sleep(3600)').catch(() => {});
    await session('signal_engine', 'select 1', { application: 'notebook' });
    await session('postgres', 'select 1', { application: 'psql' });
    const { groups, roles, budget } = await report();
    const of = (application: string) => groups.find((group) => group.application === application);
    expect(of('signal_engine')).toEqual({
      ...{ application: 'signal_engine', role: 'signal_engine', superuser: false, hidden: 0 },
      ...{ connections: 3, active: 1, idle: 1, idle_in_transaction: 1 },
      longest_idle_in_transaction_seconds: expect.any(Number),
    });
    expect(of('notebook')).toMatchObject({ role: 'signal_engine', connections: 1, idle: 1 });
    expect(of('psql')).toMatchObject({ superuser: true, connections: 1 });
    expect(of('claire')).toMatchObject({ active: 1 });
    expect(roles.find(({ role }) => role === 'signal_engine')).toEqual({
      ...{ role: 'signal_engine', service: 'signal_engine', connections: 4 },
      ...{ expected: { base: 6, most: 12 }, connection_limit: null },
    });
    expect(budget.connections).toBe(groups.reduce((sum, { connections }) => sum + connections, 0));
    await desk.database.query('select pg_cancel_backend($1)', [await pidOfBusy()]);
    await asleep;
  });

  const pidOfBusy = async () =>
    (
      await desk.database.query<{ pid: number }>(
        "select pid from pg_stat_activity where query = 'select pg_sleep(3600)'",
      )
    )[0]!.pid;

  /** What is reported where the command before has left the server, too. */
  const alone = async () => {
    let said!: Awaited<ReturnType<typeof report>>;
    const own = async () => {
      said = await report();
      return said.groups.find(({ application }) => application === 'claire')?.connections;
    };
    await expect.poll(own).toBe(1);
    return said;
  };

  test('sessions of another database, of replication and of workers do not count', async () => {
    const before = (await alone()).budget.connections;
    await session('postgres', 'select 1', { database: 'postgres' });
    await session('postgres', 'IDENTIFY_SYSTEM', { replication: 'database' });
    const { budget, server } = await alone();
    expect(budget.connections).toBe(before);
    expect(server.databases).toContainEqual({ database: 'postgres', connections: 1 });
    expect(server.connections).toBe(before + 1);
    await session('postgres');
    expect((await alone()).budget.connections).toBe(before + 1);
  });

  test('more than a login is expected to have is said, and so is more than the budget; neither is an error', async () => {
    for (let n = 0; n < 6; n++) await session('execution_service');
    const { missing, budget } = await report();
    expect(missing).toContainEqual(
      expect.stringMatching(/^execution_service has 6 connections, 5 are expected at most/),
    );
    expect(budget.over).toBe(false);
    expect((await ask(...on())).stdout).toMatch(/^execution_service +6 +2 +5 +none$/m);
    for (let n = 0; n < 25; n++) await session('claire');
    const { code, stdout } = await ask(...on());
    expect(code).toBe(0);
    expect(stdout).toMatch(/^OVER BUDGET: 3\d connections of a budget of 30 .*of superusers/m);
    expect(stdout).toMatch(/^- 3\d connections are over the budget of 30/m);
  });

  test('limits that the server does not hold are named, and one that it holds is not', async () => {
    await desk.database.query('alter role risk_manager connection limit 8');
    await desk.database.query('alter role signal_engine connection limit 5');
    const { missing, roles } = await report();
    expect(roles.find(({ role }) => role === 'risk_manager')).toMatchObject({ connection_limit: 8 });
    const [differing] = missing.filter((sentence) => /does not hold/.test(sentence));
    expect(differing).toMatch(/signal_engine \(5 instead of 12\).*claire roles apply/);
    expect(differing).not.toMatch(/risk_manager/);
    await desk.database.query('alter role risk_manager connection limit -1');
    await desk.database.query('alter role signal_engine connection limit -1');
  });

  test('logins of another book are told from those of main', async () => {
    await desk.database.query('create role signal_engine_paper login connection limit 12');
    const { roles, missing } = await json<ConnectionsReport>(...on(), '--book', 'paper');
    expect(roles.find(({ role }) => role === 'signal_engine_paper')).toMatchObject({
      service: 'signal_engine',
      connection_limit: 12,
    });
    const [absent] = missing.filter((sentence) => /is not told apart/.test(sentence));
    expect(absent).toMatch(
      /^Book paper has no risk_manager_paper, execution_service_paper, .*claire roles apply/,
    );
    await desk.database.query('drop role signal_engine_paper');
  });

  test('what a login may not see is said, and counted all the same', async () => {
    await session('signal_engine');
    const { groups, missing } = await report('risk_manager');
    expect(groups.find(({ role }) => role === 'signal_engine')).toMatchObject({
      connections: 1,
      hidden: 1,
      idle: 0,
    });
    expect(missing.at(-1)).toMatch(/pg_read_all_stats/);
    expect((await ask(...on('risk_manager'))).stdout).toMatch(/^signal_engine .* 1 not told to this login$/m);
  });
});

describe('claire connections end', () => {
  const end = (login: Login | undefined, ...more: string[]) => [
    ...on(login),
    ...['end', '--idle-for', '1s', ...more],
  ];

  /** The pool of the tests themselves is idle too: it is asked as a login that may not end it. */
  beforeAll(async () => {
    await desk.database.query('grant pg_signal_backend to claire');
    await desk.database.query('grant pg_read_all_stats to claire');
  });

  test('ends what is idle, and never what works, what is younger, holds a lock, or is elsewhere', async () => {
    const idle = await session('signal_engine', 'select 1', { application: 'forgotten' });
    const waits = await session('risk_manager', 'begin; select 1');
    const leads = await session('claire', 'select pg_try_advisory_lock(1)', { application: 'upkeep' });
    const elsewhere = await session('claire_operator', 'select 1', { database: 'postgres' }).catch(
      () => undefined,
    );
    const replicates = await session('postgres', 'IDENTIFY_SYSTEM', { replication: 'database' });
    const pid = await pidOf(idle);
    await rest();
    const young = await session('execution_service');
    const { ended, left } = await json<Ends>(...end('claire', '--yes'));
    expect(ended).toEqual([
      {
        pid,
        role: 'signal_engine',
        application: 'forgotten',
        in_transaction: false,
        idle_seconds: expect.any(Number),
      },
    ]);
    expect(left).toContainEqual(expect.objectContaining({ application: 'upkeep', reason: 'holds_a_lock' }));
    expect(await lives(idle)).toBe(false);
    for (const client of [waits, leads, elsewhere, young]) if (client) expect(await lives(client)).toBe(true);
    expect((await replicates.query('IDENTIFY_SYSTEM')).rows).toHaveLength(1);
  });

  test('a transaction that was left open is ended only where that is asked for', async () => {
    const waits = await session('risk_manager', 'begin; select 1');
    await rest();
    expect((await json<Ends>(...end('claire', '--yes'))).ended).toEqual([]);
    const { stdout } = await ask(...end('claire', '--yes', '--in-transaction'));
    expect(stdout).toMatch(
      /^1 session ended:\n.*\n *\d+ +risk_manager +risk_manager +1 s, in a transaction$/m,
    );
    expect(await lives(waits)).toBe(false);
  });

  test('where nobody is there to ask, nothing is ended', async () => {
    const idle = await session('signal_engine');
    await rest();
    expect(await ask(...end('claire'))).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/^claire: No session was ended\. .*\nSay --yes/),
    });
    expect(await lives(idle)).toBe(true);
  });

  test('what the login may not end is said, with what it takes', async () => {
    const theirs = await session('signal_engine');
    await rest();
    await desk.database.query('grant pg_read_all_stats to claire_operator');
    const { code, stdout } = await ask(...end('claire_operator', '--yes'));
    await desk.database.query('revoke pg_read_all_stats from claire_operator');
    expect(code).toBe(4);
    expect(stdout).toMatch(
      /^No session was ended.*\n\n.*left, because\n(.*\n)*.* signal_engine .*pg_signal_backend/,
    );
    expect(await lives(theirs)).toBe(true);
  });

  test('its own sessions stay, however little they do', async () => {
    const { ended } = await json<Ends>(...end('claire', '--yes'));
    expect(ended).toEqual([]);
  });

  test.skipIf(!needs(hasTerminal, 'script'))(
    'a person on a terminal is shown what will end, and asked',
    async () => {
      const idle = await session('signal_engine', 'select 1', { application: 'forgotten' });
      await rest();
      const no = await onTerminal('type end', 'no', ...end('claire'));
      expect(no).toMatchObject({
        code: 4,
        text: expect.stringMatching(/forgotten.*type end.*Another name/s),
      });
      expect(await lives(idle)).toBe(true);
      await rest();
      const yes = await onTerminal('type end', 'end', ...end('claire'));
      expect(yes.text).toMatch(/1 session ended:.*forgotten/s);
      expect(await lives(idle)).toBe(false);
    },
  );

  test.each(['10', 'soon', '0s', '-1m', '1y'])('%s is no time', async (given) => {
    expect(await ask(...on(), 'end', '--idle-for', given, '--yes')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`found ${given}`),
    });
  });
});

describe('claire connections end --pid', () => {
  const end = (login: Login | undefined, pid: number, ...more: string[]) => [
    ...on(login),
    ...['end', '--pid', String(pid), ...more],
  ];

  test.each([
    ['is idle', 'select 1'],
    ['waits in a transaction', 'begin; select 1'],
    ['holds an advisory lock', 'select pg_advisory_lock(1)'],
  ])('ends the session of this number, also one that %s', async (_, statement) => {
    const client = await session('signal_engine', statement);
    const other = await session('signal_engine', statement.replace('(1)', '(2)'));
    const pid = await pidOf(client);
    expect(await json(...end(undefined, pid, '--yes'))).toEqual({ pid, outcome: 'ended' });
    expect(await lives(client)).toBe(false);
    expect(await lives(other)).toBe(true);
    expect(await ask(...end(undefined, pid, '--yes'))).toMatchObject({
      code: 0,
      stdout: `Session ${pid} was not ended: there is none of this number (any more).\n`,
    });
  });

  test('ends one that is at work', async () => {
    const client = await session('signal_engine');
    const pid = await pidOf(client);
    const work = client.query('select pg_sleep(3600)').catch(({ code }) => code);
    expect((await ask(...end(undefined, pid, '--yes'))).code).toBe(0);
    expect(await work).toBe('57P01');
  });

  test('leaves what the login may not end, what is elsewhere, and what is no session of a client', async () => {
    const theirs = await session('signal_engine');
    const elsewhere = await session('postgres', 'select 1', { database: 'postgres' });
    const replicates = await session('postgres', 'IDENTIFY_SYSTEM', { replication: 'database' });
    expect(await ask(...end('execution_service', await pidOf(theirs), '--yes'))).toMatchObject({
      code: 4,
      stdout: expect.stringContaining('pg_signal_backend'),
    });
    expect(await ask(...end(undefined, await pidOf(elsewhere), '--yes'))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('is one of database postgres'),
    });
    const [row] = await desk.database.query<{ pid: number }>(
      "select pid from pg_stat_activity where backend_type = 'walsender'",
    );
    expect(await ask(...end(undefined, row!.pid, '--yes'))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('one of replication'),
    });
    for (const client of [theirs, elsewhere]) expect(await lives(client)).toBe(true);
    expect((await replicates.query('IDENTIFY_SYSTEM')).rows).toHaveLength(1);
  });

  test('where nobody is there to ask, nothing is ended', async () => {
    const client = await session('signal_engine');
    expect((await ask(...end(undefined, await pidOf(client)))).code).toBe(4);
    expect(await lives(client)).toBe(true);
  });

  test.each(['0', '-1', '1.5', 'x', '99999999999'])('%s is no number of a session', async (pid) => {
    expect(await ask(...on(), 'end', `--pid=${pid}`, '--yes')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`found ${pid}`),
    });
  });

  test.each([[[]], [['--pid', '1', '--idle-for', '1m']], [['--pid', '1', '--in-transaction']]])(
    '%j is not understood',
    async (more) => {
      expect(await ask(...on(), 'end', ...more, '--yes')).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('--idle-for'),
      });
    },
  );
});

describe('claire connections enforce-budget', () => {
  test('gives the database a limit that fails at once, and takes it away', async () => {
    const { code, stdout } = await ask(...on(), 'enforce-budget');
    expect(code).toBe(0);
    expect(stdout).toMatch(/takes 30 connections at most \(before: none\)\. .*fails at once/);
    expect(await report()).toMatchObject({ database_connection_limit: 30 });
    for (let n = 0; n < 30; n++) await session('claire').catch(() => {});
    await expect(session('claire')).rejects.toMatchObject({ code: '53300' });
    expect(await json(...on(), 'enforce-budget', '--off')).toEqual({
      database: desk.server.database,
      connection_limit: null,
      before: 30,
    });
    expect(await lives(await session('claire'))).toBe(true);
  });

  test('takes the owner of the database', async () => {
    expect(await ask(...on('claire'), 'enforce-budget')).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/must be owner of database/i),
    });
  });
});
