import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { buildProgram } from '../../src/cli/program.js';
import { ask, claire, start } from './cli-run.js';
import { isLinux, needs, repository } from './embedded-ground.js';

const COMMANDS = [
  ...[
    'up',
    'status',
    'stop',
    'replay',
    'import',
    'signals',
    'orders',
    'trades',
    'risk-events',
    'positions',
    'exposure',
  ],
  ...['candles', 'profit', 'verify', 'correct', 'migrate', 'test-data', 'bench'],
  ...['why', 'halt', 'resume', 'halts', 'decisions', 'order-history'],
  ...['limits show', 'limits set', 'limits history', 'capital set', 'capital history'],
  ...['reservations list', 'reservations release'],
  ...['schema verify', 'schema diff'],
  ...['book create', 'book list', 'book drop'],
  ...['service signal-engine', 'service risk-manager', 'service execution-service'],
];

describe('every command explains itself', () => {
  test.each(COMMANDS)('claire %s --help', async (command) => {
    const { code, stdout, stderr } = await ask(...command.split(' '), '--help');
    expect(code).toBe(0);
    expect(stderr).toBe('');
    expect(stdout).toContain(`Usage: claire ${command}`);
    expect(stdout).toMatch(/Examples:\n {2}claire /);
    expect(stdout).toContain('--database-url <url>');
    expect(stdout).toMatch(/Exit codes:\n {2}0 /);
  });

  test('claire --help names them all', async () => {
    const { code, stdout } = await ask('--help');
    expect(code).toBe(0);
    for (const command of COMMANDS)
      expect(stdout).toMatch(new RegExp(`^ {2}${command.split(' ')[0]}\\b`, 'm'));
  });

  test('each is found without the others, after options of all as well, and one that is not there among all', async () => {
    const build = async (...args: string[]) => {
      const runtime = { signal: new AbortController().signal, finish: () => {} };
      return (await buildProgram(runtime, args)).commands.map((command) => command.name());
    };
    const all = await build();
    const reads = await build('positions');
    expect(reads).toEqual(expect.arrayContaining(['signals', 'trades', 'profit']));
    for (const name of all)
      expect(await build('--book', 'up', name)).toEqual(reads.includes(name) ? reads : [name]);
    for (const args of [['positons'], ['--help'], ['--port'], ['reads']])
      expect(await build(...args)).toEqual(all);
  });

  test('every filter of a read is a flag with its description', async () => {
    const { stdout } = await ask('risk-events', '--help');
    for (const flag of [
      '--event-id',
      '--event-type',
      '--signal-id',
      '--symbol',
      '--contains',
      '--since',
      '--limit',
    ]) {
      expect(stdout).toMatch(new RegExp(`^ {2}${flag} <\\w+> +\\S`, 'm'));
    }
  });
});

describe('a command line that cannot be understood ends with 2 and says what to do', () => {
  test.each([
    ['no command', [], 'A command is missing.'],
    ['an unknown command', ['positons'], 'positions'],
    ['an unknown option', ['positions', '--sybmol', 'X'], '--sybmol'],
    ['a missing argument', ['replay'], 'files'],
    ['a missing reason', ['correct', 'trade', 'T', 'commission=1'], '--reason'],
    ['a change that is none', ['correct', 'trade', 'T', 'commission', '--reason', 'x'], 'COLUMN=VALUE'],
    ['something that is not recorded', ['correct', 'tarde', 'T', 'commission=1', '--reason', 'x'], 'what'],
    ['a choice that does not exist', ['trades', '--status', 'closed'], 'OPEN, CLOSED'],
    ['a value that is no number', ['trades', '--limit', 'all'], 'limit'],
    ['a filter that is not JSON', ['risk-events', '--contains', '{'], 'contains'],
    ['a port that is none', ['positions', '--port', '70000'], '65535'],
    ['a book that cannot be one', ['positions', '--book', 'My Book'], 'My Book'],
    ['two forms at once', ['trades', '--csv', '--json'], 'not both'],
  ])('%s', async (_, args, found) => {
    // A database that is not there: the input is judged before it is looked for.
    const { code, stdout, stderr } = await ask(
      '--database-url',
      'postgresql://nobody@127.0.0.1:1/none',
      ...args,
    );
    expect({ code, text: stdout + stderr }).toMatchObject({ code: 2, text: expect.stringContaining(found) });
    expect((stdout + stderr).trim().split('\n').length).toBeGreaterThan(1);
  });
});

test('a database that cannot be reached ends with 3, and its password is never printed', async () => {
  const { code, stdout, stderr } = await ask(
    'positions',
    '--database-url',
    'postgresql://nobody:hunter2@127.0.0.1:1/none',
  );
  expect(code).toBe(3);
  expect(stderr).toMatch(/^claire: The database cannot be reached\./);
  expect(stdout + stderr).not.toContain('hunter2');
});

test('with --json an error is the document on standard output', async () => {
  const { code, stdout, stderr } = await ask(
    ...['positions', '--json', '--database-url', 'postgresql://nobody@127.0.0.1:1/none'],
  );
  expect({ code, stderr }).toEqual({ code: 3, stderr: '' });
  expect(JSON.parse(stdout)).toEqual({
    error: expect.objectContaining({
      code: 'database_unreachable',
      message: expect.any(String),
      remedy: expect.any(String),
    }),
  });
});

test.each([
  ['help', ['--help'], 0],
  ['a command line that cannot be understood', ['positons'], 2],
  [
    'a database that cannot be reached',
    ['positions', '--database-url', 'postgresql://nobody@127.0.0.1:1/none'],
    3,
  ],
])('as a process of its own it says the same and ends the same: %s', async (_, args, code) => {
  const ended = await claire(...args);
  expect(ended.code).toBe(code);
  expect(ended).toEqual(await ask(...args));
});

test.skipIf(!needs(isLinux, '/dev/full'))('output that cannot be written is said, and is no defect', () => {
  const { status, stderr } = spawnSync('sh', ['-c', 'node bin/claire.js --help > /dev/full'], {
    cwd: repository,
    encoding: 'utf8',
  });
  expect(status).toBe(3);
  expect(stderr).toMatch(/could not be written\. ENOSPC/);
});

test('the command says its version', async () => {
  const { version } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8'));
  expect((await start(['--version']).ended).stdout).toBe(`${version}\n`);
});
