import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedServer, findEmbedded, isAlive, startEmbedded } from '../database/embedded/index.js';
import { Database, identifier, withDatabase } from '../database/index.js';

/** A place that is there for one piece of work, and gone with it. */
export interface Scratch {
  /** Major version of its server. */
  major: number;
  /** The database that is there from the beginning. */
  name: string;
  /** Connection string of the superuser. */
  url(database?: string): string;
  /** A pool of the superuser, closed before the place goes. */
  database(name?: string): Database;
}

const PREFIX = 'claire-scratch-';

/** What it holds can be had again at any time, so nothing is waited for. */
export const SCRATCH_SETTINGS = {
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  autovacuum: 'off',
  max_wal_size: '4GB',
  maintenance_work_mem: '256MB',
};

/**
 * Works on an embedded server of its own, in the system's directory for temporary files (TMPDIR); where a server is named
 * (its connection string), in a database of its own there.
 */
export async function withScratch<T>(
  work: (scratch: Scratch) => Promise<T>,
  { scratch: on, signal }: { scratch?: string | undefined; signal?: AbortSignal | undefined } = {},
): Promise<T> {
  if (on !== undefined) return withScratchDatabase(on, work, signal);
  return withScratchDirectory(async (directory) => {
    const server = await startEmbedded({
      dataDir: join(directory, 'data'),
      port: await freePort(),
      settings: SCRATCH_SETTINGS,
    });
    return onScratch(server, work, signal);
  });
}

/** The same on a server that was started otherwise. It is stopped at the end, and where the signal is aborted: then nothing goes on. */
export async function onScratch<T>(
  server: EmbeddedServer,
  work: (scratch: Scratch) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  try {
    const url = server.url('postgres', { showSecrets: true });
    return await cutBy(signal, server.stop, () =>
      withPools({ url, name: server.database, major: server.major }, work),
    );
  } finally {
    await server.stop();
  }
}

/** Work that goes on until the signal is aborted: then `cut` takes its sessions away. */
async function cutBy<T>(
  signal: AbortSignal | undefined,
  cut: () => Promise<unknown>,
  work: () => Promise<T>,
): Promise<T> {
  const onAbort = () => void cut().catch(() => {});
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    signal?.throwIfAborted();
    return await work();
  } catch (error) {
    // Whatever its sessions said when they were cut.
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

async function withScratchDatabase<T>(
  url: string,
  work: (scratch: Scratch) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const admin = new Database({ databaseUrl: url, applicationName: 'claire restore', connections: 1 });
  const name = `claire_scratch_${randomBytes(6).toString('hex')}`;
  const drop = () => admin.query(`drop database if exists ${identifier(name)} with (force)`);
  try {
    await admin.query(`create database ${identifier(name)} template template0`);
    const [row] = await admin.query<{ major: number }>(
      `select current_setting('server_version_num')::int / 10000 as major`,
    );
    return await cutBy(signal, drop, () => withPools({ url, name, major: row!.major }, work));
  } finally {
    await drop().catch(() => {});
    await admin.close();
  }
}

async function withPools<T>(
  { url: first, name, major }: { url: string; name: string; major: number },
  work: (scratch: Scratch) => Promise<T>,
): Promise<T> {
  const pools: Database[] = [];
  const url = (database = name) => withDatabase(first, database);
  try {
    return await work({
      ...{ major, name, url },
      database(other) {
        const pool = new Database({
          databaseUrl: url(other),
          applicationName: 'claire restore',
          connections: 4,
        });
        pools.push(pool);
        return pool;
      },
    });
  } finally {
    for (const pool of pools) await pool.close();
  }
}

/** A directory for servers, with what killed processes left of theirs gone before. */
export async function withScratchDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  await removeLeftovers();
  const directory = await temporaryDirectory(PREFIX);
  // The server's own account must get through, not look around.
  await chmod(directory, 0o711);
  try {
    return await work(directory);
  } finally {
    await removeServer(directory);
  }
}

/** Those of this process. In a container the one that was killed had our number. */
const ours = new Set<string>();

async function removeLeftovers(): Promise<void> {
  for (const directory of await leftovers(PREFIX)) await removeServer(directory).catch(() => {});
}

/** Temporary directories, by what their names begin with before the number of their process, that processes left behind. */
export async function leftovers(prefix: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await readdir(tmpdir())) {
    const pid = Number(name.startsWith(prefix) ? /^\d+/.exec(name.slice(prefix.length))?.[0] : Number.NaN);
    const directory = join(tmpdir(), name);
    if (Number.isNaN(pid) || (pid === process.pid ? ours.has(directory) : isAlive(pid))) continue;
    found.push(directory);
  }
  return found;
}

/** Makes one. */
export async function temporaryDirectory(prefix: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), `${prefix}${process.pid}-`));
  ours.add(directory);
  return directory;
}

async function removeServer(directory: string): Promise<void> {
  const running = await findEmbedded(join(directory, 'data')).catch(() => undefined);
  await running?.stop();
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
}

/** Not the usual one, which the server of the user wants. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
