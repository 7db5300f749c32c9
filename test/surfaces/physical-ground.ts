import { cp, mkdtemp, open, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  archiveOf,
  type BackupKey,
  createBackup,
  type Listed,
  openBackup,
  sweepArchive,
  writePhysical,
} from '../../src/backup/index.js';
import type { EmbeddedServer } from '../../src/database/embedded/index.js';
import { Database } from '../../src/database/index.js';
import { afterwards } from './embedded-ground.js';

/** A directory for backups, for whoever makes it to remove. */
export const lastingDirectory = async (): Promise<string> =>
  realpath(await mkdtemp(join(tmpdir(), 'claire-backups-')));

/** A directory for backups, gone after the test. */
export async function backupsDirectory(): Promise<string> {
  const directory = await lastingDirectory();
  afterwards(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** One that may be broken. */
export async function copyOf(backups: string): Promise<string> {
  const copy = await backupsDirectory();
  await cp(backups, copy, { recursive: true, preserveTimestamps: true });
  return copy;
}

export const adminUrl = (server: EmbeddedServer): string => server.url('postgres', { showSecrets: true });

/** A pool of the superuser, for the time of the test. */
export function admin(server: EmbeddedServer): Database {
  const database = new Database({ databaseUrl: adminUrl(server), applicationName: 'tests' });
  afterwards(() => database.close());
  return database;
}

interface Taking {
  books?: string[];
  key?: BackupKey;
  gzip?: number | false;
  signal?: AbortSignal;
}

export const takePhysical = (
  url: string,
  backups: string,
  { key, gzip = 1, signal, books = ['main'] }: Taking = {},
): Promise<Listed> =>
  createBackup({ backups, kind: 'physical', of: 'server', coding: { gzip, key } }, (writing) =>
    writePhysical({ url, books, signal }, writing),
  );

/** How this server's log is taken into the archive beside the backups. */
export async function sweeping(server: EmbeddedServer, backups: string, key?: BackupKey) {
  const archive = archiveOf(backups, await server.systemIdentifier());
  return { spool: server.spool, archive, coding: { gzip: 6, key } };
}

export const sweep = async (server: EmbeddedServer, backups: string) =>
  sweepArchive(await sweeping(server, backups));

let count = 0;

/** Records signals, one a commit; gives their ids. */
export async function record(database: Database, signals: number): Promise<string[]> {
  const ids: string[] = [];
  for (let at = 0; at < signals; at++) {
    const id = `s${++count}`;
    await database.query(
      `insert into main.signals (signal_id, symbol, side, price, confidence, timestamp)
       values ($1, 'X', 'BUY', 1, 0.5, 1705072800000)`,
      [id],
    );
    ids.push(id);
  }
  return ids;
}

export const idsIn = async (database: { query: Database['query'] }): Promise<string[]> =>
  (await database.query<{ signal_id: string }>('select signal_id from main.signals order by id')).map(
    ({ signal_id }) => signal_id,
  );

/** The signals that a backup holds, and what is wrong with it. */
export const idsOf = (listed: Listed, options: Parameters<typeof openBackup>[1] = {}) =>
  openBackup(listed, options, async ({ database, problems, broken }) => ({
    ids: await idsIn(database),
    problems: [...problems, ...broken],
  }));

/** Changes one bit in the middle of a file. */
export async function flipBit(path: string): Promise<void> {
  const file = await open(path, 'r+');
  const { size } = await file.stat();
  const at = Math.floor(size / 2);
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  byte[0]! ^= 1;
  await file.write(byte, 0, 1, at);
  await file.close();
}
