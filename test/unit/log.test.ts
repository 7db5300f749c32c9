import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lineOf } from '../../src/cli/event-line.js';
import { ClaireError } from '../../src/errors/index.js';
import { EVENTS, openLog } from '../../src/log/index.js';
import { scratchRoot } from '../harness/scratch.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(scratchRoot(), 'claire-log-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const lines = async (file: string) =>
  (await readFile(file, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('the log', () => {
  test('has a line an event, with its time, level and fields, and goes on where it ended', async () => {
    const file = join(directory, 'log');
    for (const took_ms of [1, 2]) {
      const log = openLog({ file });
      log.tell('retention_ran', { book: 'main', took_ms });
      log.close();
    }
    const [first, second] = await lines(file);
    expect(first).toEqual({
      ...{ level: 'info', time: expect.any(Number), event: 'retention_ran', book: 'main', took_ms: 1 },
    });
    expect(second).toMatchObject({ took_ms: 2 });
    expect(Math.abs(Date.now() - (first!.time as number))).toBeLessThan(60_000);
  });

  test.each([
    'postgresql://bot:s3cret@host:5432/db',
    'cannot connect to "postgres://bot:s3cret@host/db?sslpassword=s3cret"',
    'postgresql://bot@host/db?password=s3cret',
    "alter role x password 's3cret'",
    'host=a password=s3cret user=b',
    'https://hooks.example/services?token=s3cret',
    'http://user:s3cret@hooks.example/x',
    'postgresql://%%%:s3cret@[broken',
  ])('tells no secret: %s', async (text) => {
    const file = join(directory, 'log');
    const events: unknown[] = [];
    const log = openLog({ file, onEvent: (...event) => events.push(event) });
    log.tell('upkeep_failed', { error: new Error(text) });
    log.tell('up_failed', { book: 'main', error: new ClaireError('database_unreachable', { found: text }) });
    log.tell('connection_lost', { service: 'x', reason: text });
    log.tell('backup_pruned', { backups: [text] });
    log.close();
    expect(await readFile(file, 'utf8')).not.toContain('s3cret');
    expect(JSON.stringify(events)).not.toContain('s3cret');
  });

  test('tells of what was sent no more than which law it broke', async () => {
    const file = join(directory, 'log');
    const log = openLog({ file });
    const found = 'invalid input syntax for type numeric: "my price".';
    for (const code of ['value_unusable', 'price_out_of_range', 'database_error', 'input_invalid'] as const)
      log.tell('service_failed', { book: 'main', service: 'x', error: new ClaireError(code, { found }) });
    log.close();
    expect(await readFile(file, 'utf8')).not.toContain('my price');
    expect((await lines(file)).map(({ error }) => (error as { code: string }).code)).toContain(
      'price_out_of_range',
    );
  });

  test('that cannot be written is an error before the work begins', () => {
    expect(() => openLog({ file: join(directory, 'missing', 'log') })).toThrow(
      expect.objectContaining({ code: 'log_unwritable' }),
    );
  });

  test('that nobody reads says so', () => {
    expect(openLog({ file: undefined }).isRead).toBe(false);
    expect(openLog({ file: undefined, onEvent: () => {} }).isRead).toBe(true);
  });
});

test('for people an event is a line with sizes and times as they read them', () => {
  const at = new Date(Date.UTC(2024, 0, 1, 12, 3, 1));
  const taken = { book: 'main', backup: 'main_1', bytes: 3_200_000, took_ms: 1400 };
  expect(lineOf('backup_taken', taken, at)).toBe('12:03:01 backup taken main main_1 3.2 MB 1.4 s');
  const failed = { book: 'main', job: 'retention', error: { code: 'x', message: 'It is\nso.' } };
  expect(lineOf('job_failed', failed, at)).toBe('12:03:01 job failed main retention It is so.');
});

test('names of events and fields are words that stay', () => {
  for (const [name, { meaning, fields }] of Object.entries(EVENTS)) {
    expect(name).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(meaning).toMatch(/\.$/);
    for (const field of Object.keys(fields)) expect(field).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(Object.keys(fields)).not.toEqual(expect.arrayContaining(['time', 'level', 'event']));
  }
});
