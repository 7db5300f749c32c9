import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Client } from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { fromPostgres } from '../errors/index.js';
import { typeParsers } from './codecs.js';
import { parseDatabaseUrl } from './connection-string.js';
import type { Queryable } from './database.js';

/**
 * One connection outside of every pool, for work that takes as long as it takes and moves whole tables. Throws ClaireError
 * only, also from its streams.
 */
export interface CopySession extends Queryable {
  /** The rows of a `copy … to stdout`. Nothing else may be asked until it has ended. */
  copyOut(statement: string): Readable;
  /** Sends rows to a `copy … from stdin`; their number. */
  copyIn(statement: string, rows: Readable): Promise<number>;
  close(): Promise<void>;
}

/** Limits of time that a role or database sets for its services must not end what takes its time. */
const SETTINGS = `set statement_timeout to 0; set idle_in_transaction_session_timeout to 0; set lock_timeout to 0;
  set timezone to 'UTC'; set datestyle to 'ISO'; set client_min_messages to warning`;

export async function openCopySession(databaseUrl: string, applicationName: string): Promise<CopySession> {
  const client = new Client({
    ...parseDatabaseUrl(databaseUrl),
    application_name: applicationName,
    types: typeParsers,
    keepAlive: true,
  });
  // Whoever waits for an answer is told anyway.
  client.on('error', () => {});
  await client.connect().catch(rethrow);
  await client.query(SETTINGS).catch(rethrow);
  return {
    query: async <Row>(text: string, values?: readonly unknown[]) =>
      (await client.query(text, values as unknown[]).catch(rethrow)).rows as Row[],
    copyOut: (statement) => Readable.from(translated(client.query(copyTo(statement))), { objectMode: false }),
    async copyIn(statement, rows) {
      const copy = client.query(copyFrom(statement));
      await pipeline(rows, copy).catch(rethrow);
      return copy.rowCount;
    },
    close: () => client.end().catch(() => {}),
  };
}

async function* translated(rows: Readable): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of rows) yield chunk as Buffer;
  } catch (error) {
    rethrow(error);
  }
}

function rethrow(error: unknown): never {
  throw fromPostgres(error);
}
