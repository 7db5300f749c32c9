import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, inject } from 'vitest';
import { type EmbeddedServer, startEmbedded } from '../../src/database/embedded/index.js';
import { Database } from '../../src/database/index.js';
import { freePort } from '../harness/ports.js';
import { scratchRoot } from '../harness/scratch.js';

export interface OwnServer {
  readonly server: EmbeddedServer;
  /** A pool of the superuser. */
  readonly database: Database;
  sql<Row = Record<string, unknown>>(text: string): Promise<Row[]>;
}

/** A server of the test file's own, of the version under test, for what would harm the others on the common one. */
export function useOwnServer(options: { settings?: Record<string, string>; archives?: boolean }): OwnServer {
  let directory: string;
  let server: EmbeddedServer;
  let database: Database;
  beforeAll(async () => {
    directory = await mkdtemp(join(scratchRoot(), 'claire-doctor-'));
    // The server's own account must pass through.
    await chmod(directory, 0o755);
    server = await startEmbedded({
      ...options,
      dataDir: join(directory, 'data'),
      port: await freePort(),
      ...(inject('major') === 15 ? { binaries: '/usr/lib/postgresql/15' } : {}),
    });
    const databaseUrl = server.url('postgres', { showSecrets: true });
    database = new Database({ databaseUrl, applicationName: 'tests', connections: 4 });
  });
  afterAll(async () => {
    await database?.close();
    await server?.stop();
    await rm(directory, { recursive: true, force: true });
  });
  return {
    get server() {
      return server;
    },
    get database() {
      return database;
    },
    sql: (text) => database.query(text),
  };
}
