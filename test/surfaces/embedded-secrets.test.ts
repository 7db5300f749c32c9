import { execFileSync } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type EmbeddedServer, LOGINS, startEmbedded } from '../../src/database/embedded/index.js';
import { ground, isLinux, needs, query, rested, starter, useEmbedded } from './embedded-ground.js';

/** The files below that contain one of the passwords. */
async function filesWithPasswords(directory: string, server: EmbeddedServer): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  const found: string[] = [];
  for (const file of files) {
    const text = await readFile(file, 'latin1').catch(() => '');
    if (LOGINS.some((login) => text.includes(server.password(login)))) found.push(file);
  }
  return found;
}

describe('passwords', () => {
  const running = useEmbedded();

  test('lie in one file that only its owner can read, and nowhere else in the data', async () => {
    const dataDir = join(await ground(), 'data');
    const server = await startEmbedded({ dataDir, settings: { log_statement: 'all' } });
    expect(await readFile(join(dataDir, 'server.log'), 'utf8')).toContain('create role claire');
    await server.stop();
    expect(await filesWithPasswords(dataDir, server)).toEqual([server.passfile]);
    expect((await stat(server.passfile)).mode & 0o777).toBe(0o600);
  });

  test('would be found in the log if a statement carried one', async () => {
    const dataDir = await rested();
    const server = await startEmbedded({ dataDir, settings: { log_statement: 'all' } });
    await query(server, 'postgres', `alter role claire password '${server.password('claire')}'`);
    await server.stop();
    expect(await filesWithPasswords(dataDir, server)).toContain(join(dataDir, 'server.log'));
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
