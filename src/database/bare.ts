import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Client, Pool } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { fromPostgres } from '../errors/index.js';
import { parseDatabaseUrl } from './connection-string.js';

/** One connection of the driver itself, for what Claire is measured beside. Its errors are the driver's own. */
export async function connectBare(databaseUrl: string, applicationName: string): Promise<Client> {
  const client = new Client({ ...parseDatabaseUrl(databaseUrl), application_name: applicationName });
  // The server may be stopped under it when the work is interrupted: whoever waits for an answer is told anyway.
  client.on('error', () => {});
  await client.connect().catch((error: unknown) => {
    throw fromPostgres(error);
  });
  return client;
}

/** A pool of the driver itself, as one writes it. Its errors are the driver's own. */
export function barePool(databaseUrl: string, applicationName: string, connections: number): Pool {
  const address = { ...parseDatabaseUrl(databaseUrl), application_name: applicationName };
  const pool = new Pool({ ...address, max: connections });
  pool.on('error', () => {});
  return pool;
}

/** Sends rows to `copy … from stdin` as fast as the server takes them. Gives the number of rows. */
export async function copyIn(client: Client, statement: string, rows: Readable): Promise<number> {
  const copy = client.query(copyFrom(statement));
  await pipeline(rows, copy);
  return copy.rowCount;
}

export type { Client as BareClient, Pool as BarePool };
