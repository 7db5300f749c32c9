import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type EmbeddedServer, findEmbedded, SUPERUSER, startEmbedded } from '../database/embedded/index.js';
import { Database, type Queryable, withDatabase } from '../database/index.js';
import { ClaireError } from '../errors/index.js';

/*
 * Several commands and one `up` may use the embedded server of a directory at once, and what a passing command started
 * must be stopped when the last one leaves. Each visitor holds a shared advisory lock while it works. A server that a
 * passing command started is marked in the data directory; who leaves tries the exclusive lock, which only the last one
 * gets, and stops a marked server while holding it, so that nobody enters meanwhile. The server frees the locks of a
 * killed visitor by itself, and its mark stays for the next one.
 */
const VISITORS = 'claire visitors';
const HOST = 'claire up';

/** A leaver that stops the server holds it for the time of a fast shutdown, which writes a checkpoint. */
const ENTER_MS = 60_000;

export interface VisitOptions {
  dataDir: string;
  port?: number | undefined;
  /** The host keeps the server until it leaves, and there is one at most. */
  host?: boolean;
  onNotice: (sentence: string) => void;
  /** Told of the server when it was stopped by who leaves last, and that is this one. */
  onStopped?: ((server: EmbeddedServer) => Promise<void>) | undefined;
}

export interface Visit {
  server: EmbeddedServer;
  /** The connection that holds the lock; it ends when the server does. */
  keeper: Queryable;
}

/** Works on the embedded server, starting it where none runs, and leaves things as they were found. */
export async function visitEmbedded<T>(
  options: VisitOptions,
  work: (visit: Visit) => Promise<T>,
): Promise<T> {
  const { dataDir, port, onNotice } = options;
  const come = () =>
    startEmbedded({ dataDir, onNotice, archives: true, ...(port === undefined ? {} : { port }) });
  return (await visit(come, options, work))!.value;
}

/** Works on the embedded server if one runs, else gives undefined. */
export async function visitRunning<T>(
  dataDir: string,
  work: (visit: Visit) => Promise<T>,
): Promise<T | undefined> {
  const come = () => findEmbedded(dataDir);
  return (await visit(come, { dataDir, onNotice: () => {} }, work))?.value;
}

/** Takes the mark away: the server was stopped on purpose. */
export const forgetTemporary = (dataDir: string): Promise<void> => rm(markOf(dataDir), { force: true });

const markOf = (dataDir: string) => join(dataDir, 'temporary');

async function visit<T>(
  come: () => Promise<EmbeddedServer | undefined>,
  options: VisitOptions,
  work: (visit: Visit) => Promise<T>,
): Promise<{ value: T } | undefined> {
  const end = Date.now() + ENTER_MS;
  for (;;) {
    const server = await come();
    if (!server) return undefined;
    if (!server.found) await writeFile(markOf(server.dataDir), 'Stopped by the last command that leaves.\n');
    const isLastTurn = Date.now() > end;
    const entered = await enter(server, options, work, isLastTurn);
    if (entered) return entered;
    if (isLastTurn) {
      throw new ClaireError('embedded_stop_failed', {
        found: `For a minute somebody has held the lock of who stops it, on port ${server.port}.`,
      });
    }
    await sleep(50);
  }
}

/** Undefined where the server is just being stopped: then there is another turn. */
async function enter<T>(
  server: EmbeddedServer,
  options: VisitOptions,
  work: (visit: Visit) => Promise<T>,
  isLastTurn: boolean,
): Promise<{ value: T } | undefined> {
  // In a database of its own: it is no client of Claire's, and not one of the connections that she may have.
  const url = withDatabase(server.url(SUPERUSER), 'postgres');
  const database = new Database({ databaseUrl: url, applicationName: 'claire visitor', connections: 1 });
  let isInside = false;
  try {
    return await database.session(async (keeper) => {
      if (!(await tryLock(keeper, 'pg_try_advisory_lock_shared', VISITORS))) return undefined;
      isInside = true;
      let isHost = false;
      try {
        if (options.host) await becomeHost(keeper, server);
        isHost = options.host ?? false;
        return { value: await work({ server, keeper }) };
      } finally {
        await leave(keeper, server, isHost, options);
      }
    });
  } catch (error) {
    if (isInside || isLastTurn || !isUnreachable(error)) throw error;
    return undefined;
  } finally {
    await database.close();
  }
}

async function becomeHost(keeper: Queryable, server: EmbeddedServer): Promise<void> {
  if (!(await tryLock(keeper, 'pg_try_advisory_lock', HOST))) {
    throw new ClaireError('up_runs_already', { found: `It uses ${server.dataDir}, on port ${server.port}.` });
  }
  await forgetTemporary(server.dataDir);
}

async function leave(
  keeper: Queryable,
  server: EmbeddedServer,
  isHost: boolean,
  { onNotice, onStopped }: VisitOptions,
): Promise<void> {
  try {
    // Only a server that still answers is left to the others: the mark must not outlive one that was stopped.
    await keeper.query('select 1');
    if (isHost) await writeFile(markOf(server.dataDir), 'Stopped by the last command that leaves.\n');
    await keeper.query('select pg_advisory_unlock_shared(hashtextextended($1, 0))', [VISITORS]);
    if (!existsSync(markOf(server.dataDir))) return;
    if (!(await tryLock(keeper, 'pg_try_advisory_lock', VISITORS))) {
      if (isHost) onNotice('Other commands use the server: the last of them stops it.');
      return;
    }
  } catch (error) {
    // It has ended before us: there is nothing to leave.
    if (isUnreachable(error)) return;
    throw error;
  }
  await server.stop();
  await forgetTemporary(server.dataDir);
  await onStopped?.(server);
}

async function tryLock(
  keeper: Queryable,
  lock: 'pg_try_advisory_lock' | 'pg_try_advisory_lock_shared',
  name: string,
): Promise<boolean> {
  const [row] = await keeper.query<{ locked: boolean }>(`select ${lock}(hashtextextended($1, 0)) as locked`, [
    name,
  ]);
  return row!.locked;
}

const isUnreachable = (error: unknown): boolean =>
  error instanceof ClaireError && error.code === 'database_unreachable';
