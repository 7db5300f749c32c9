import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { checks, type Report } from '../../src/doctor/index.js';
import { migrate } from '../../src/schema/index.js';
import { ask, json, start, useServer } from './cli-run.js';
import { ground } from './embedded-ground.js';

const desk = useServer();
const on = (...more: string[]) => [
  '--database-url',
  desk.server.url('postgres', { showSecrets: true }),
  'doctor',
  ...more,
];

/** What CREATE INDEX CONCURRENTLY leaves behind where it fails. */
async function plantInvalidIndex(): Promise<void> {
  const { database } = desk;
  await database.query(
    `insert into main.signals (signal_id, symbol, side, price, confidence, timestamp)
     select 'twice' || n, 'X', 'BUY', 1, 0.5, 1760000000000 + n from generate_series(1, 2) n on conflict do nothing`,
  );
  await database.query('create unique index concurrently twice on main.signals (side)').catch(() => {});
}

beforeAll(() => migrate(desk.database, 'main'));

afterEach(async () => {
  await desk.database.query('drop index if exists main.twice');
});

test('the report has every check once, with its question, its threshold and one of four results', async () => {
  const report = await json<Report>(...on());
  expect(report.checks.map(({ check }) => check)).toEqual(checks.map(({ name }) => name));
  for (const { question, threshold, sentence, result, remedy } of report.checks) {
    expect(question).toMatch(/\?$/);
    expect([threshold, sentence].every((text) => text.length > 10)).toBe(true);
    expect(['ok', 'warn', 'fail', 'skipped']).toContain(result);
    expect(remedy !== null).toBe(result === 'warn' || result === 'fail');
  }
  expect(Object.values(report.counts).reduce((sum, count) => sum + count)).toBe(checks.length);
});

test('a check that fails is told last, with evidence and remedy, and the command ends with 1', async () => {
  await plantInvalidIndex();
  const { code, stdout } = await ask(...on());
  expect(code).toBe(1);
  const told = stdout.slice(stdout.indexOf('FAIL     invalid_indexes'));
  expect(told).toContain('twice: INVALID');
  expect(told).toContain('Remedy: claire doctor --fix invalid_indexes');
  expect(told).toMatch(/\d+ checks of book main in database .* in \d+\.\d s: .*fail/);
});

describe('--fix', () => {
  test('says what it would run and runs nothing where nobody confirms it', async () => {
    await plantInvalidIndex();
    const { code, stderr } = await ask(...on('--fix', 'invalid_indexes'));
    expect(code).toBe(4);
    expect(stderr).toContain('Nothing was run');
    expect(
      (await json<Report>(...on())).checks.find(({ check }) => check === 'invalid_indexes')!.result,
    ).toBe('fail');
  });

  test('runs the statements with --yes and looks again', async () => {
    await plantInvalidIndex();
    await desk.database.query(
      `begin; set local session_replication_role = replica; delete from main.signals where signal_id = 'twice2'; commit`,
    );
    const { code, stdout } = await ask(...on('--fix', 'invalid_indexes', '--yes'));
    expect(code).toBe(0);
    expect(stdout).toContain('reindex index concurrently "main"."twice";');
    expect(stdout).toMatch(/ok {7}invalid_indexes/);
    const again = await ask(...on('--fix', 'invalid_indexes', '--yes'));
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('There is nothing to mend.') });
  });

  test('a name that is none is refused with those that are', async () => {
    const { code, stderr } = await ask(...on('--fix', 'nothing'));
    expect(code).toBe(2);
    expect(stderr).toContain('There is no check nothing. There are: ');
  });

  test('what a person must decide is not run', async () => {
    await desk.database.query(`select main.halt_trading('a test')`);
    try {
      const { code, stderr } = await ask(...on('--fix', 'halted', '--yes'));
      expect(code).toBe(4);
      expect(stderr).toContain('cannot be mended by statements that are safe for everybody');
    } finally {
      await desk.database.query(`select main.resume_trading('a test')`);
    }
  });
});

test('--watch says in a pipe what has changed, and ends with Ctrl-C', async () => {
  const watching = start(on('--watch'));
  await watching.says('checks of book main');
  await plantInvalidIndex();
  await watching.says('Z FAIL     invalid_indexes');
  watching.signal('SIGINT');
  expect((await watching.ended).code).toBe(1);
});

test('where no server runs it starts none', async () => {
  const { code, stderr } = await ask('--data', await ground(), 'doctor');
  expect(code).toBe(2);
  expect(stderr).toContain('No server runs on');
});
