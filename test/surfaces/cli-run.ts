import { spawn } from 'node:child_process';
import { afterAll, beforeAll, vi } from 'vitest';
import { main } from '../../src/cli/main.js';
import { Database, type LoginRole, roleName } from '../../src/database/index.js';
import { applyRoles } from '../../src/schema/index.js';
import { repository, useEmbedded } from './embedded-ground.js';

/** How a command ended, and what it said. */
export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

// The environment of the tests without what would lead the command elsewhere.
for (const name of Object.keys(process.env))
  if (/^(PG|CLAIRE_|DATABASE_URL$)/.test(name)) delete process.env[name];

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
    env: { ...process.env, ...env },
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

/** The command in a process of its own: for what depends on that, and once for each way to end. */
export const claire = (...args: string[]): Promise<Ended> => start(args).ended;

/** The command's own main() in this process, which spares the third of a second that Node and its modules take. */
export async function ask(...args: string[]): Promise<Ended> {
  const forget = [...SIGNALS.map((name) => listeners(process, name)), listeners(process.stdout, 'error')];
  const said = { stdout: '', stderr: '' };
  const take = (stream: 'stdout' | 'stderr') =>
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      said[stream] += text;
      return true;
    });
  const taken = [take('stdout'), take('stderr')];
  try {
    await main(args);
    return { code: Number(process.exitCode ?? 0), ...said };
  } finally {
    for (const stream of taken) stream.mockRestore();
    process.exitCode = undefined;
    for (const undo of forget) undo();
  }
}

/** What main() listens to, for the rest of the process as it thinks. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'uncaughtException'];

/** Takes away who began to listen since. */
function listeners(emitter: NodeJS.EventEmitter, name: string): () => void {
  const before = emitter.listeners(name);
  return () => {
    for (const listener of emitter.listeners(name))
      if (!before.includes(listener)) emitter.removeListener(name, listener as () => void);
  };
}

/** The one JSON document that a command printed. */
export async function json<T = Record<string, never>>(...args: string[]): Promise<T> {
  const { stdout } = await ask(...args, '--json');
  return JSON.parse(stdout) as T;
}

/** A server of the test file's own, which the commands reach by --database-url. */
export function useServer() {
  // Nothing here kills it.
  const running = useEmbedded({ settings: { fsync: 'off' } });
  let database: Database;
  const url = () => running.server.url('postgres', { showSecrets: true });
  beforeAll(() => {
    database = new Database({ databaseUrl: url(), applicationName: 'tests' });
  });
  afterAll(() => database?.close());
  return {
    get database() {
      return database;
    },
    get server() {
      return running.server;
    },
    /** Connection string of a login of a book, with its password. */
    async login(role: LoginRole, book: string): Promise<string> {
      const name = roleName(role, book);
      const passwords = await running.server.ensurePasswords([name]);
      await applyRoles(database, book, { passwords: { [role]: passwords[name]! } });
      return running.server.url(role, { book, showSecrets: true });
    },
    /** Where the commands are to work: goes in front of the others' arguments. */
    get there(): string[] {
      return ['--database-url', url()];
    },
  };
}
