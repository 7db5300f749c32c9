import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { differencesFrom, LATEST_VERSION } from '../../src/schema/index.js';
import { byHand } from '../harness/hand-made.js';
import { ask, claire, json, start, useServer } from './cli-run.js';
import { needs, until } from './embedded-ground.js';
import { hasTerminal, onTerminal } from './terminal.js';

const desk = useServer();
const on = (book: string, ...args: string[]) => ask(...desk.there, '--book', book, ...args);

const T = 1705072800000;
const CLOSED = `insert into trades (symbol, side, quantity, entry_price, entry_timestamp, exit_price, exit_timestamp, status, pnl, pnl_pct)`;
const SIGNAL = `insert into signals (signal_id, symbol, side, price, confidence, timestamp)`;

/** A schema in which somebody has run these statements. */
async function schemaOf(name: string, ...statements: string[]): Promise<void> {
  await desk.database.query(`create schema ${name}`);
  await desk.database.transaction(async (t) => {
    await t.query(`set local search_path to ${name}`);
    for (const statement of statements) await t.query(statement);
  });
}

const rows = async (sql: string) => desk.database.query(sql);

describe('migrate --status', () => {
  test('says what was found, and where else', async () => {
    await schemaOf(
      'partly',
      ...byHand('1.1', ['idx_risk_events_jsonb', 'positions_realtime', 'idx_positions_realtime_symbol_side']),
    );
    const { stdout, code } = await on('partly', 'migrate', '--status');
    expect(code).toBe(0);
    expect(stdout).toMatch(/hand-made 1\.0 with 18 of 21 pieces of 1\.1; missing: .*idx_risk_events_jsonb/);
    expect((await on('nothing', 'migrate', '--status')).stdout).toMatch(/no schema nothing.*--book partly/s);
  });

  test('names a foreign table of our name', async () => {
    await schemaOf('foreign_one', 'create table signals (name text)');
    expect((await on('foreign_one', 'migrate', '--status')).stdout).toMatch(
      /In the way: .*signals has no columns? id/,
    );
    const { code, stderr } = await on('foreign_one', 'migrate', '--no-backup');
    expect(code).toBe(4);
    expect(stderr).toMatch(/signals has no column/);
  });
});

describe('migrate', () => {
  test('changes no rows without a backup, which was restored to see that it can be', async () => {
    await schemaOf('rows', ...byHand('1.0'), `${SIGNAL} values ('s', 'X', 'BUY', 1, 1, ${T})`);
    const backups = await mkdtemp(join(tmpdir(), 'claire-migrate-'));
    const blocked = join(backups, 'file');
    await writeFile(blocked, '');
    const { code, stderr } = await on('rows', 'migrate', '--backups', blocked);
    expect(code).toBe(3);
    expect(stderr).toMatch(/backup could not be written/);
    const hand = async () =>
      (await json<{ hand_made: boolean }>(...desk.there, '--book', 'rows', 'migrate', '--status')).hand_made;
    expect(await hand()).toBe(true);
    const done = await on('rows', 'migrate', '--backups', backups, '--scratch', desk.there[1]!);
    expect(done.code).toBe(0);
    expect(done.stderr + done.stdout).toMatch(/rows_logical_\w+ holds what was there, and was restored/);
    expect(await hand()).toBe(false);
    await rm(backups, { recursive: true });
  });

  test('reports each changed profit with the sums, and what people must decide with the command for it', async () => {
    await schemaOf(
      'report',
      ...byHand('1.0'),
      `${CLOSED} values ('X', 'buy', 1, 100, ${T}, 110, ${T + 1}, 'CLOSED', -10, -10),
        ('Y', 'BUY', 1, 100, ${T}, 110, ${T + 1}, 'CLOSED', 10, 10), ('Z', 'BUY', 1, 100, ${T}, null, ${T}, 'CLOSED', null, null)`,
    );
    const { code, stdout } = await on('report', 'migrate', '--no-backup');
    expect(code).toBe(1);
    expect(stdout).toMatch(/profit of 1 trade changed:/);
    expect(stdout).toMatch(/ 1 +X +-10\.00000000 +10\.00000000/);
    expect(stdout).toMatch(/sum before +-10\.00000000\nsum after +10\.00000000/);
    expect((await on('report', 'status')).stdout).toMatch(
      /Old rows break these laws.*trades_closed_check \(trades\)/,
    );
    const decide = /decide with: claire (correct .*)/.exec(stdout)?.[1];
    const words = decide!
      .replace('exit_price=VALUE', 'exit_price=120')
      .replace('exit_timestamp=VALUE', `exit_timestamp=${T + 1}`);
    expect((await ask(...desk.there, ...words.split(' '))).code).toBe(0);
    const again = await on('report', 'migrate');
    expect(again.stdout).toMatch(/1 law holds for old rows now/);
    expect(again.code).toBe(0);
    expect((await on('report', 'migrate')).stdout).toContain(`stands at ${LATEST_VERSION}: there is nothing`);
  });

  test('moves what nobody can decide aside, from where it comes back', async () => {
    await schemaOf(
      'aside',
      ...byHand('1.0'),
      `${SIGNAL} values ('nan', 'X', 'BUY', 'NaN', 1, ${T}), ('ok', 'X', 'BUY', 1, 1, ${T})`,
    );
    const { code, stdout } = await on('aside', 'migrate', '--no-backup', '--quarantine');
    expect(code).toBe(0);
    expect(stdout).toMatch(/1 row moved to quarantine/);
    expect(await rows('select signal_id from aside.signals')).toEqual([{ signal_id: 'ok' }]);
    expect((await on('aside', 'quarantine', 'release', '1', 'price=100', '--reason', 'looked up')).code).toBe(
      0,
    );
    expect(await rows('select signal_id, price from aside.signals order by 1')).toEqual([
      { signal_id: 'nan', price: '100' },
      { signal_id: 'ok', price: '1' },
    ]);
  });

  test('as JSON is one document, and nothing else on standard output', async () => {
    await schemaOf('document', ...byHand('1.1'), `${SIGNAL} values ('s', 'X', 'BUY', 1, 1, 1705072800)`);
    const { stdout } = await on('document', 'migrate', '--no-backup', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      ...{
        before: '1.1',
        version: LATEST_VERSION,
        validated: expect.arrayContaining(['signals_price_check']),
      },
      report: { corrected: [{ table: 'signals', column: 'timestamp', rows: 1 }], profit: null, broken: [] },
      verified: { holds: true },
    });
  });

  test('asks for the zone where the server writes another than UTC', async () => {
    await schemaOf('zone', ...byHand('1.0'), `${SIGNAL} values ('s', 'X', 'BUY', 1, 1, ${T})`);
    const [{ name }] = (await rows('select current_database() as name')) as [{ name: string }];
    await desk.database.query(`alter database ${name} set timezone to 'Europe/Berlin'`);
    try {
      const { code, stderr } = await on('zone', 'migrate', '--no-backup');
      expect(code).not.toBe(0);
      expect(stderr).toMatch(/Europe\/Berlin is set by .*--recorded-in/s);
      expect((await on('zone', 'migrate', '--no-backup', '--recorded-in', 'Europe/Berlin')).code).toBe(0);
    } finally {
      await desk.database.query(`alter database ${name} reset timezone`);
    }
  });

  test.each([
    [['--status', '--plan'], /exclude each other/],
    [['--test-data'], /belongs to --fresh/],
    [['--yes'], /belongs to --fresh/],
    [['--quarantine', '--to', '1.1'], /no quarantine before/],
    [['--recorded-in', 'Nowhere/Else'], /Nowhere\/Else/],
  ])('refuses %s', async (flags, message) => {
    const { code, stderr } = await on('main', 'migrate', ...flags);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });

  test('--plan prints each step with its lock, and changes nothing', async () => {
    await schemaOf('plan', ...byHand('1.0'), `${SIGNAL} values ('s', 'X', 'BUY', 1, 1, ${T})`);
    const { code, stdout } = await on('plan', 'migrate', '--plan');
    expect(code).toBe(0);
    expect(stdout).toMatch(/ACCESS EXCLUSIVE on signals.*everyone, for a moment/);
    expect(stdout).toMatch(/select \*.*fails/);
    expect((await json(...desk.there, '--book', 'plan', 'migrate', '--status')).version).toBe('1.0');
    expect(
      await rows(
        `select count(*) as n from pg_class where relnamespace = 'plan'::regnamespace and relkind = 'r'`,
      ),
    ).toEqual([{ n: 4 }]);
  });
});

describe('an old book with rows', () => {
  test('is not brought forward by `up`, which takes no backup', async () => {
    await schemaOf('old', ...byHand('1.1'), `${SIGNAL} values ('s', 'X', 'BUY', 1, 1, ${T})`);
    const { code, stderr } = await on('old', 'up');
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/hand-made 1\.1.*claire migrate/s);
  });
});

describe('migrate --fresh', () => {
  test("drops Claire's own objects only, makes them new and loads rows where that is wanted", async () => {
    await schemaOf(
      'play',
      ...byHand('1.1'),
      `${SIGNAL} values ('s', 'X', 'BUY', 1, 1, ${T})`,
      'create table mine as select 1 as kept',
    );
    const refused = await claire(...desk.there, '--book', 'play', 'migrate', '--fresh', '--no-backup');
    expect(refused.code).toBe(4);
    expect(await rows('select count(*) as n from play.signals')).toEqual([{ n: 1 }]);
    const { code, stdout } = await on('play', 'migrate', '--fresh', '--test-data', '--yes', '--no-backup');
    expect(code).toBe(0);
    expect(stdout).toContain(`Book play is new, at ${LATEST_VERSION}, with test data`);
    expect(await rows('select kept from play.mine')).toEqual([{ kept: 1 }]);
    expect(await rows(`select count(*) as n from play.signals where signal_id = 's'`)).toEqual([{ n: 0 }]);
    expect(await differencesFrom(desk.database, 'play', LATEST_VERSION)).toEqual([
      expect.objectContaining({ state: 'extra', name: 'mine' }),
    ]);
  });

  test('drops nothing where something of others stands on it', async () => {
    await schemaOf('stood_on', ...byHand('1.0'), 'create view report as select * from trades');
    const { code, stderr } = await on('stood_on', 'migrate', '--fresh', '--yes');
    expect(code).toBe(4);
    expect(stderr).toMatch(/report/);
    expect(await rows('select count(*) as n from stood_on.trades')).toEqual([{ n: 0 }]);
  });

  test.skipIf(!needs(hasTerminal, 'the program script of util-linux, for a terminal'))(
    'asks for the name of the database on a terminal',
    async () => {
      await schemaOf('asked', ...byHand('1.0'));
      const [{ name }] = (await rows('select current_database() as name')) as [{ name: string }];
      const go = (typed: string) =>
        onTerminal('name of the database', typed, ...desk.there, '--book', 'asked', 'migrate', '--fresh');
      expect((await go('asked')).code).toBe(4);
      const done = await go(name);
      expect(done.code).toBe(0);
      expect(done.text).toMatch(/Book asked is new/);
    },
  );
});

describe('a migrator that is killed', () => {
  /** Some thousand rows, so that the larger steps take their time. */
  const FILL = `insert into signals (signal_id, symbol, side, price, confidence, timestamp)
    select 's' || n, 'X', 'BUY', 1, 1, ${T} + n from generate_series(1, 30000) as n`;

  test('with SIGKILL, again and again, is run again and comes to its end', async () => {
    await schemaOf('killed', ...byHand('1.0'), FILL);
    const migrator = () => start([...desk.there, '--book', 'killed', 'migrate', '--no-backup']);
    let kills = 0;
    for (;;) {
      const running = migrator();
      // A little later each time: another step is cut.
      const timer = setTimeout(() => running.signal('SIGKILL'), 450 + kills * 150);
      const { code } = await running.ended;
      clearTimeout(timer);
      if (code !== null) {
        expect(code).toBe(0);
        break;
      }
      kills++;
    }
    expect(kills).toBeGreaterThan(2);
    expect(await differencesFrom(desk.database, 'killed', LATEST_VERSION)).toEqual([]);
    expect(await rows('select count(*) as n, max(timestamp) as last from killed.signals')).toEqual([
      { n: 30000, last: T + 30000 },
    ]);
  });

  test('with Ctrl-C ends at once, also where it waits for others', async () => {
    await schemaOf('interrupted', ...byHand('1.0'), FILL);
    await desk.database.session(async (holder) => {
      await holder.query('begin');
      await holder.query('select from interrupted.trades limit 1');
      const running = start([...desk.there, '--book', 'interrupted', 'migrate', '--no-backup']);
      await until(async () => /begin/.test(running.said()) || running.said().includes('constraints'));
      running.signal('SIGINT');
      expect((await running.ended).code).toBe(130);
      await holder.query('rollback');
    });
    expect((await on('interrupted', 'migrate', '--no-backup')).code).toBe(0);
    expect(await differencesFrom(desk.database, 'interrupted', LATEST_VERSION)).toEqual([]);
  });
});
