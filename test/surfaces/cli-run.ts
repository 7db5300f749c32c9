import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { type EmbeddedServer, startEmbedded } from '../../src/database/embedded/index.js';
import { Database } from '../../src/database/index.js';
import { freePort, repository } from './embedded-ground.js';

/** How a command ended, and what it said. */
export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The environment of the tests without what would lead the command elsewhere. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(PG|CLAIRE_|DATABASE_URL$)/.test(name)),
);

export interface Running {
  /** What was printed on standard output so far. */
  said(): string;
  /** Resolves when standard output holds this. */
  says(text: string): Promise<void>;
  signal(name: NodeJS.Signals): void;
  readonly ended: Promise<Ended>;
}

/** The command as users run it: bin/claire.js on dist/. */
export function start(args: readonly string[], env: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, ['bin/claire.js', ...args], {
    cwd: repository,
    env: { ...environment, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
  return {
    said: () => stdout,
    async says(text) {
      while (!stdout.includes(text)) {
        if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}\n${stdout}\n${stderr}`);
        await new Promise((done) => setTimeout(done, 20));
      }
    },
    signal: (name) => void child.kill(name),
    ended,
  };
}

export const claire = (...args: string[]): Promise<Ended> => start(args).ended;

/** The one JSON document that a command printed. */
export async function json<T = Record<string, never>>(...args: string[]): Promise<T> {
  const { stdout } = await claire(...args, '--json');
  return JSON.parse(stdout) as T;
}

/** A server of the test file's own, which the commands reach by --database-url. */
export function useServer() {
  let base: string;
  let server: EmbeddedServer;
  let database: Database;
  beforeAll(async () => {
    base = await mkdtemp(join(tmpdir(), 'claire-cli-'));
    await chmod(base, 0o755);
    server = await startEmbedded({ dataDir: join(base, 'data'), port: await freePort() });
    database = new Database({
      databaseUrl: server.url('postgres', { showSecrets: true }),
      applicationName: 'tests',
    });
  });
  afterAll(async () => {
    await database?.close();
    await server?.stop();
    await rm(base, { recursive: true, force: true, maxRetries: 5 });
  });
  return {
    get database() {
      return database;
    },
    get server() {
      return server;
    },
    /** Where the commands are to work: goes in front of the others' arguments. */
    get there(): string[] {
      return ['--database-url', server.url('postgres', { showSecrets: true })];
    },
  };
}
