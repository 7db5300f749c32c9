import { execFileSync } from 'node:child_process';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { type EmbeddedServer, LOGINS, startEmbedded } from '../../src/database/embedded/index.js';
import { freePort } from '../harness/ports.js';
import { ask, claire, start } from './cli-run.js';
import {
  afterwards,
  ground,
  isLinux,
  needs,
  query,
  rested,
  starter,
  useEmbedded,
} from './embedded-ground.js';

/** The files below that contain one of the passwords. */
async function filesWith(passwords: Iterable<string>, directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  const found: string[] = [];
  for (const file of files) {
    const text = await readFile(file, 'latin1').catch(() => '');
    for (const password of passwords) if (text.includes(password)) found.push(file);
  }
  return [...new Set(found)];
}

const passwordsOf = async (server: EmbeddedServer) => Object.values(await server.passwords());

describe('passwords', () => {
  const running = useEmbedded();

  test('lie in one file that only its owner can read, and nowhere else in the data', async () => {
    const dataDir = join(await ground(), 'data');
    const server = await startEmbedded({ dataDir, settings: { log_statement: 'all' } });
    expect(await readFile(join(dataDir, 'server.log'), 'utf8')).toContain('create role claire');
    await server.stop();
    expect(await filesWith(await passwordsOf(server), dataDir)).toEqual([server.passfile]);
    expect((await stat(server.passfile)).mode & 0o777).toBe(0o600);
  });

  test('would be found in the log if a statement carried one', async () => {
    const dataDir = await rested();
    const server = await startEmbedded({ dataDir, settings: { log_statement: 'all' } });
    await query(server, 'postgres', `alter role claire password '${server.password('claire')}'`);
    await server.stop();
    expect(await filesWith(await passwordsOf(server), dataDir)).toContain(join(dataDir, 'server.log'));
  });

  test('differ from login to login and are long enough', async () => {
    const { server } = running;
    const passwords = LOGINS.map((login) => server.password(login));
    expect(new Set(passwords).size).toBe(LOGINS.length);
    for (const password of passwords) expect(password).toMatch(/^[\w-]{32}$/);
  });

  test('are in a connection string only where it is asked for', async () => {
    const { server } = running;
    expect(server.url('claire')).not.toContain(server.password('claire'));
    expect(server.url('claire', { showSecrets: true })).toContain(server.password('claire'));
  });

  test.skipIf(!needs(isLinux, 'Linux'))('are in no process arguments, from the first start on', async () => {
    const dataDir = join(await ground(), 'data');
    const seen = new Set<string>();
    const start = await starter({ dataDir }, { stay: true });
    let isOver = false;
    const over = start.answer.finally(() => {
      isOver = true;
    });
    while (!isOver) {
      seen.add(execFileSync('ps', ['-e', '-ww', '-o', 'args='], { encoding: 'utf8' }));
      await new Promise((done) => setTimeout(done, 10));
    }
    expect((await over).found).toBe(false);
    const server = await startEmbedded({ dataDir });
    const all = [...seen].join('\n');
    expect(all).toContain('initdb -D');
    for (const login of LOGINS) expect(all).not.toContain(server.password(login));
  });
});

/** Commands of each kind: that make, change and take away passwords, that read, that fail. */
const COMMANDS = (url: string): string[][] => [
  ['status'],
  ['book', 'create', 'demo'],
  ['roles', 'apply', '--book', 'demo'],
  ['roles', 'show', '--book', 'demo'],
  ['roles', 'rotate', 'claire', '--book', 'demo'],
  ['roles', 'rotate', 'claire', '--book', 'demo'],
  ['roles', 'show', '--book', 'demo'],
  ['roles', 'rotate', 'claire', '--book', 'demo', '--finish'],
  ['test-data', '--book', 'demo'],
  ['positions', '--book', 'demo'],
  ['verify', '--book', 'demo'],
  ['limits', 'set', 'max_exposure=1', '--reason', 'test', '--book', 'demo'],
  ['book', 'drop', 'demo', '--yes'],
  ['positions', '--book', 'nowhere'],
  ['roles', 'rotate', 'nobody'],
  // Strings that hold a password, and cannot be used.
  ['positions', '--database-url', `${url}/none`],
  ['positions', '--database-url', `${url}/claire_de_binare?sslmode=verify-full`],
  ['migrate', '--status', '--database-url', url.replace('postgresql', 'mysql')],
  ['positions', '--database-url', `${url.replace(/:\d+$/, ':1')}/none`],
  ['roles', 'apply', '--database-url', `${url}/claire_de_binare`],
];

describe('of passwords that commands make and use', () => {
  let server: EmbeddedServer;
  let seen: Set<string>;
  let there: string[];
  const look = async () => {
    for (const password of await passwordsOf(server)) seen.add(password);
  };

  beforeEach(async () => {
    const settings = {
      log_statement: 'all',
      log_min_duration_statement: '0',
      log_connections: 'on',
      fsync: 'off',
    };
    const dataDir = await rested('main');
    // Other tests copy the same directory, with its passwords, and give them to commands.
    await rm(join(dataDir, 'pgpass'));
    server = await startEmbedded({ dataDir, port: await freePort(), settings });
    there = ['--data', server.dataDir];
    seen = new Set();
    await look();
  });

  test('none is in an answer, an error, a log or any other file', async () => {
    const url = `postgresql://claire:${server.password('claire')}@127.0.0.1:${server.port}`;
    const said: string[] = [];
    for (const style of [[], ['--json', '--debug']]) {
      for (const command of COMMANDS(url)) {
        const { stdout, stderr } = await ask(...command, ...style, ...there);
        expect(stdout + stderr).not.toBe('');
        said.push(stdout, stderr);
        await look();
      }
    }
    // Those of main, and of each book demo with the second login of one of its roles, and its new password at the end.
    expect(seen.size).toBe(1 + LOGINS.length - 1 + 2 * (LOGINS.length - 1 + 2));
    const all = said.join('\n');
    expect(all).toContain('?passfile=');
    for (const password of seen) expect(all).not.toContain(password);
    expect((await stat(server.passfile)).mode & 0o777).toBe(0o600);
    const log = await readFile(join(server.dataDir, 'server.log'), 'utf8');
    expect(log).toMatch(/alter role .*claire_2_demo.* password/);
    await server.stop();
    expect(await filesWith(seen, server.dataDir)).toEqual([server.passfile]);
  });

  test.skipIf(!needs(isLinux, 'Linux'))(
    'none is in the arguments of a process, of ours or of the server',
    async () => {
      const lists = new Set<string>();
      let isOver = false;
      const commands = async () => {
        const up = start(['up', '--book', 'demo', ...there]);
        afterwards(() => up.signal('SIGKILL'));
        await up.says('Ctrl-C');
        for (const args of [['roles', 'apply'], ['roles', 'rotate', 'claire'], ['positions']]) {
          await claire(...args, '--book', 'demo', ...there);
          await look();
        }
        up.signal('SIGINT');
        await up.ended;
      };
      const running = commands().finally(() => {
        isOver = true;
      });
      while (!isOver) {
        lists.add(execFileSync('ps', ['-e', '-ww', '-o', 'args='], { encoding: 'utf8' }));
        await new Promise((done) => setTimeout(done, 20));
      }
      await running;
      const all = [...lists].join('\n');
      expect(all).toContain('roles rotate claire');
      expect(all).toMatch(/postgres: claire_upkeep_demo/);
      for (const password of seen) expect(all).not.toContain(password);
    },
  );

  test('what is asked for with --show-secrets would be found', async () => {
    const { stdout } = await ask('roles', 'show', '--show-secrets', ...there);
    expect([...seen].filter((password) => stdout.includes(password))).toHaveLength(LOGINS.length - 1);
  });
});
