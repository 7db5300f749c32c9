import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedServer, startEmbedded } from '../database/embedded/index.js';
import { type BareClient, connectBare, Database, identifier, withDatabase } from '../database/index.js';
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
  /** A pool of Claire's, closed with the bench. */
  pool(databaseUrl: string, connections: number): Database;
  undo: Undo;
}

/** Everything that it opens, starts or makes is undone by `undo`. */
export async function openPlace(databaseUrl: string | undefined, undo: Undo): Promise<Place> {
  const server = databaseUrl === undefined ? await startServer(undo) : undefined;
  const url = databaseUrl ?? server!.url('postgres', { showSecrets: true });
  const prefix = `claire_bench_${randomBytes(4).toString('hex')}`;
  const full = (name: string) => identifier(`${prefix}_${name}`);
  const admin = await connectBare(url, 'claire bench');
  undo.add(() => admin.end());
  const drop = async (name: string) => {
    await admin.query(`drop database if exists ${full(name)} with (force)`);
  };
  return {
    server,
    async create(name, template) {
      undo.add(() => drop(name));
      const from = template ? `template ${full(template)} strategy file_copy` : 'template template0';
      await admin.query(`create database ${full(name)} ${from}`);
      return withDatabase(url, `${prefix}_${name}`);
    },
    drop,
    async bare(databaseUrl) {
      const client = await connectBare(databaseUrl, 'claire bench');
      undo.add(() => client.end());
      return client;
    },
    pool(databaseUrl, connections) {
      const pool = new Database({ databaseUrl, applicationName: 'claire bench', connections });
      undo.add(() => pool.close());
      return pool;
    },
    undo,
  };
}

/** With the settings that `claire up` gives it: what is measured is what users get. */
async function startServer(undo: Undo): Promise<EmbeddedServer> {
  const directory = await mkdtemp(join(tmpdir(), 'claire-bench-'));
  undo.add(() => rm(directory, { recursive: true, force: true }));
  // The server's own uid must pass through.
  await chmod(directory, 0o755);
  const server = await startEmbedded({ dataDir: join(directory, 'data') });
  undo.add(() => server.stop());
  return server;
}
