import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readlink, realpath, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, inject } from 'vitest';
import {
  type EmbeddedOptions,
  type EmbeddedServer,
  findEmbedded,
  type Login,
  startEmbedded,
} from '../../src/database/embedded/index.js';
import { scratchRoot } from '../harness/scratch.js';

export const isRoot = process.getuid?.() === 0;
export const isLinux = process.platform === 'linux';
export const repository = resolve(fileURLToPath(import.meta.url), '../../..');
export const postgres15 = '/usr/lib/postgresql/15';

/** The condition of a test that the machine may not meet: says so where it does not. */
export function needs(condition: boolean, what: string): boolean {
  if (!condition) process.stdout.write(`skipped, because this needs ${what}\n`);
  return condition;
}

const bases: string[] = [];
const undo: (() => unknown)[] = [];

/** Something to do after the test, whatever its end. */
export const afterwards = (work: () => unknown): void => void undo.push(work);

/** A directory of the test's own that the server's account can pass. */
export async function ground(): Promise<string> {
  const base = await realpath(await mkdtemp(join(scratchRoot(), 'claire-embedded-')));
  await chmod(base, 0o755);
  bases.push(base);
  return base;
}

/** A data directory as a first start and a stop leave it; with the book main where that is wanted. */
export async function rested(book?: 'main', directory?: string): Promise<string> {
  const dataDir = join(directory ?? (await ground()), 'data');
  // The cluster belongs to the account that the server runs under.
  execFileSync('cp', ['-a', book ? inject('resting').main : inject('resting').bare, dataDir]);
  return dataDir;
}

/** One server for the tests of a file or of a group, on a cluster of its own; with the book main where that is wanted. */
export function useEmbedded({
  book,
  ...options
}: Omit<EmbeddedOptions, 'dataDir'> & { book?: 'main' } = {}): {
  readonly server: EmbeddedServer;
} {
  let base: string;
  let server: EmbeddedServer;
  beforeAll(async () => {
    base = await mkdtemp(join(scratchRoot(), 'claire-embedded-'));
    await chmod(base, 0o755);
    // What rests was made by the build that Claire brings along.
    const dataDir = options.binaries ? join(base, 'data') : await rested(book, base);
    server = await startEmbedded({ ...options, dataDir });
  });
  afterAll(async () => {
    await server?.stop();
    await rm(base, { recursive: true, force: true, maxRetries: 5 });
  });
  return {
    get server() {
      return server;
    },
  };
}

afterEach(async () => {
  for (const work of undo.splice(0).reverse()) await work();
  for (const base of bases.splice(0)) {
    for (const dataDir of await dataDirectories(base)) await endServer(dataDir);
    await rm(base, { recursive: true, force: true, maxRetries: 5 });
  }
});

async function dataDirectories(base: string): Promise<string[]> {
  const entries = await readdir(base, { withFileTypes: true, recursive: true }).catch(() => []);
  return entries.filter(({ name }) => name === 'postgres').map(({ parentPath }) => parentPath);
}

async function endServer(dataDir: string): Promise<void> {
  await findEmbedded(dataDir)
    .then((server) => server?.stop())
    .catch(() => {});
  const entry = join(dataDir, 'postgres');
  const cluster = await realpath(entry).catch(() => undefined);
  const pid = cluster === undefined ? undefined : pidOf(dataDir);
  // Only what provably runs in there: the pid file may name an innocent process, in some tests on purpose.
  if (pid && (await readlink(`/proc/${pid}/cwd`).catch(() => '')) === cluster) process.kill(pid, 'SIGQUIT');
  const target = await readlink(entry).catch(() => '');
  if (target.startsWith('/var/lib/claire/'))
    await rm(resolve(target, '..'), { recursive: true, force: true });
}

/** The first line of the cluster's pid file. */
export function pidOf(dataDir: string): number | undefined {
  const path = join(dataDir, 'postgres', 'postmaster.pid');
  return existsSync(path) ? Number(readFileSync(path, 'utf8').split('\n')[0]) : undefined;
}

export async function until(what: () => unknown): Promise<void> {
  while (!(await what())) await new Promise((done) => setTimeout(done, 10));
}

/** One statement as a login, with the password of the pgpass file. */
export async function query(server: EmbeddedServer, login: Login, text: string, database?: string) {
  const client = new pg.Client({
    host: server.host,
    port: server.port,
    user: login,
    password: server.password(login),
    database: database ?? server.database,
  });
  client.on('error', () => {});
  await client.connect();
  try {
    const results: pg.QueryResult[] = [await client.query(text)].flat();
    // Of several statements the rows of the last one.
    return results.at(-1)!.rows;
  } finally {
    await client.end();
  }
}

/** Another program on this port, or on any free one. */
export async function occupy(port = 0): Promise<number> {
  const other: Server = createServer((socket) => socket.destroy());
  await new Promise<void>((done, failed) => {
    other.once('error', failed);
    other.listen(port, '127.0.0.1', done);
  });
  afterwards(() => new Promise((done) => other.close(done)));
  const address = other.address();
  return typeof address === 'object' && address ? address.port : 0;
}

/** The own end of an outgoing connection: a port that nobody listens on, and that cannot be had. */
export async function ownEnd(): Promise<number> {
  const other = createServer();
  await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
  const { port } = other.address() as { port: number };
  const socket = connect({ port, host: '127.0.0.1' });
  await new Promise<void>((done, failed) => socket.once('connect', done).once('error', failed));
  afterwards(() => {
    socket.destroy();
    return new Promise((done) => other.close(done));
  });
  return socket.localPort!;
}

export interface Answer {
  port?: number;
  major?: number;
  found?: boolean;
  code?: string;
  message?: string;
}

export interface Starter {
  process: ChildProcess;
  answer: Promise<Answer>;
}

interface StarterOptions {
  stay?: boolean;
  uid?: number;
  environment?: Record<string, string>;
  /** Another directory that was compiled into. */
  from?: string;
}

/** startEmbedded() in a process of its own. */
export async function starter(
  options: { dataDir: string; port?: number; binaries?: string },
  { stay, uid, environment, from }: StarterOptions = {},
): Promise<Starter> {
  const directory = from ?? inject('resting').compiled;
  const child = spawn(
    process.execPath,
    [join(directory, 'start.js'), JSON.stringify(options), ...(stay ? ['stay'] : [])],
    {
      cwd: '/',
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...environment },
      ...(uid === undefined ? {} : { uid, gid: uid }),
    },
  );
  afterwards(() => child.kill('SIGKILL'));
  const answer = new Promise<Answer>((done) => {
    let text = '';
    child.stdout?.on('data', (chunk) => {
      text += chunk;
      if (text.includes('\n')) done(JSON.parse(text));
    });
    child.on('close', () => done({ code: 'killed' }));
  });
  return { process: child, answer };
}

/** Number of a uid by name, for processes of another account. */
export const uidOf = (name: string): number => Number(execFileSync('id', ['-u', name], { encoding: 'utf8' }));

/** Whether an account can reach a file: the repository may lie where only root comes. */
export function isOpenTo(uid: number, path: string): boolean {
  try {
    execFileSync('test', ['-r', path], { uid, cwd: '/' });
    return true;
  } catch {
    return false;
  }
}

export async function ownDirectory(base: string, name: string, mode: number): Promise<string> {
  const directory = join(base, name);
  await mkdir(directory);
  await chmod(directory, mode);
  return directory;
}
