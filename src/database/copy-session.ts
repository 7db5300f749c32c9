import type { Socket } from 'node:net';
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

/**
 * Limits of time that a role or database sets for its services must not end what takes its time; how it has values written
 * must not round them; and rows that a policy hides are an error, and not rows that are not there.
 */
const SETTINGS = `set statement_timeout to 0; set idle_in_transaction_session_timeout to 0; set lock_timeout to 0;
  set timezone to 'UTC'; set datestyle to 'ISO'; set intervalstyle to 'postgres'; set bytea_output to 'hex';
  set extra_float_digits to 1; set row_security to off; set client_min_messages to warning`;

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
  // What comes after a copy that nobody reads to its end would wait for that for ever.
  const cut = () => (client as unknown as { connection: { stream: Socket } }).connection.stream.destroy();
  return {
    query: async <Row>(text: string, values?: readonly unknown[]) =>
      (await client.query(text, values as unknown[]).catch(rethrow)).rows as Row[],
    copyOut(statement) {
      const rows = client.query(copyTo(statement));
      const state = { isWhole: false, failure: undefined as unknown };
      // It may fail before anybody reads.
      rows.on('error', (error) => {
        state.failure = error;
      });
      const out = Readable.from(translated(rows, state), { objectMode: false });
      // Also where nobody has begun to read.
      out.on('close', () => state.isWhole || cut());
      return out;
    },
    async copyIn(statement, rows) {
      const copy = client.query(copyFrom(statement));
      await pipeline(rows, copy).catch(rethrow);
      return copy.rowCount;
    },
    close: () => client.end().catch(() => {}),
  };
}

async function* translated(
  rows: Readable,
  state: { isWhole: boolean; failure: unknown },
): AsyncGenerator<Buffer> {
  try {
    if (state.failure) throw state.failure;
    for await (const chunk of rows) yield chunk as Buffer;
    state.isWhole = true;
  } catch (error) {
    rethrow(error);
  }
}

function rethrow(error: unknown): never {
  throw fromPostgres(error);
}
