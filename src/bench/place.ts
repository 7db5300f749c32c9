import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, sep } from 'node:path';
import { type EmbeddedServer, findEmbedded, startEmbedded } from '../database/embedded/index.js';
import {
  type BareClient,
  type BarePool,
  barePool,
  connectBare,
  Database,
  identifier,
  withDatabase,
} from '../database/index.js';
import type { Undo } from './undo.js';

/** The server that is measured: one of our own in a temporary directory, or one that was named. */
export interface Place {
  /** Undefined where a server was named. */
  server: EmbeddedServer | undefined;
  /** Makes a database of this name (with a prefix of its own) and gives its connection string. */
  create(name: string, template?: string): Promise<string>;
  /** Drops a database that `create` made, before the end. */
  drop(name: string): Promise<void>;
  /** A connection of the bare driver, ended with the bench. */
  bare(databaseUrl: string): Promise<BareClient>;
  /** A pool of the bare driver, ended with the bench. */
  barePool(databaseUrl: string, connections: number): BarePool;
  /** A pool of Claire's, closed with the bench. */
  pool(databaseUrl: string, connections: number): Database;
  /** Ends what is under way in all databases of the place, and the connections to them. */
  cut(): Promise<void>;
  /** The server itself, for what it says of itself. */
  admin: BareClient;
  undo: Undo;
}

const APPLICATION = 'claire bench';

/** Everything that it opens, starts or makes is undone by `undo`. */
export async function openPlace(databaseUrl: string | undefined, undo: Undo): Promise<Place> {
  const server =
    databaseUrl === undefined ? await startEmbedded({ dataDir: await temporaryData(undo) }) : undefined;
  const url = databaseUrl ?? server!.url('postgres', { showSecrets: true });
  const prefix = `claire_bench_${randomBytes(4).toString('hex')}`;
  const full = (name: string) => identifier(`${prefix}_${name}`);
  const admin = await connectBare(url, APPLICATION);
  undo.add(() => admin.end());
  const { rows } = await admin.query<{ pid: number }>('select pg_backend_pid() as pid');
  const drop = async (name: string) => {
    await admin.query(`drop database if exists ${full(name)} with (force)`);
  };
  return {
    server,
    async create(name, template) {
      undo.add(() => drop(name), `database ${prefix}_${name}`);
      // On a server of others two checkpoints a copy are not ours to ask for.
      const strategy = server ? ' strategy file_copy' : '';
      const from = template ? `template ${full(template)}${strategy}` : 'template template0';
      await admin.query(`create database ${full(name)} ${from}`);
      return withDatabase(url, `${prefix}_${name}`);
    },
    drop,
    async bare(databaseUrl) {
      const client = await connectBare(databaseUrl, APPLICATION);
      undo.add(() => client.end());
      return client;
    },
    barePool(databaseUrl, connections) {
      const pool = barePool(databaseUrl, APPLICATION, connections);
      undo.add(() => pool.end());
      return pool;
    },
    pool(databaseUrl, connections) {
      const pool = new Database({ databaseUrl, applicationName: APPLICATION, connections });
      undo.add(() => pool.close());
      return pool;
    },
    cut: () => cut(url, prefix, rows[0]!.pid),
    admin,
    undo,
  };
}

/** A connection of its own, because the place's own may be copying a database: that is cancelled, it is needed after. */
async function cut(url: string, prefix: string, admin: number): Promise<void> {
  const client = await connectBare(url, APPLICATION);
  try {
    await client.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where starts_with(datname, $1)',
      [prefix],
    );
    await client.query(
      "select pg_cancel_backend(pid) from pg_stat_activity where pid = $1 and state = 'active'",
      [admin],
    );
  } finally {
    await client.end();
  }
}

/**
 * A data directory for a server of our own, which is stopped and removed at the end. Who starts it there gets the
 * settings that `claire up` gives: what is measured is what users get.
 */
export async function temporaryData(undo: Undo): Promise<string> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'claire-bench-')));
  const dataDir = join(directory, 'data');
  undo.add(() => removeData(directory, dataDir), `directory ${directory}`);
  // Found rather than remembered: a start that was cut off may have left one.
  undo.add(async () => (await findEmbedded(dataDir))?.stop(), `the server on ${dataDir}`);
  // The server's own uid must pass through.
  await chmod(directory, 0o755);
  return dataDir;
}

/** Where root's server cannot reach the directory its cluster lies elsewhere, in a directory for it alone. */
async function removeData(directory: string, dataDir: string): Promise<void> {
  const cluster = await realpath(join(dataDir, 'postgres')).catch(() => undefined);
  if (cluster !== undefined && !cluster.startsWith(directory + sep))
    await rm(dirname(cluster), { recursive: true, force: true });
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
}
