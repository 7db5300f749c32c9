import { type Listed, listBackups } from '../backup/index.js';
import { setting } from '../config.js';
import { Database, identifier } from '../database/index.js';
import { diagnose, lookAtConnections } from '../doctor/index.js';
import {
  addressGiven,
  archive,
  Background,
  build,
  Collector,
  connections,
  type Machine,
  machineEndpoints,
  operationEndpoints,
  operations,
  Pools,
  poolSource,
  positions,
  profit,
  Requests,
  requireReady,
  requireTokens,
  riskEvents,
  type Serving,
  Streams,
  serve,
  trading,
  type UpkeepRuns,
} from '../http/index.js';
import type { Log } from '../log/index.js';
import { backupStatusOf } from './backup-status.js';
import { backupSettings } from './backups.js';
import { booksKept, booksServed } from './books.js';
import type { Invocation } from './command.js';
import { described } from './commands/backup.js';
import { accessOf, urlOfRole } from './http-access.js';
import type { Place } from './session.js';
import { surroundingsOf } from './surroundings.js';

/** What `up` knows that is asked for over HTTP. */
export interface Known {
  log: Log;
  runs: UpkeepRuns;
  /** Failures of backups so far. */
  backupFailures: () => number;
}

/** A scrape has one, the doctor and /readyz share the other: of the three that the budget has for HTTP. */
const CONNECTIONS = 2;
const ANSWER_MS = 1000;

/** Serves HTTP as the setting wants it; undefined where it is off. */
export async function serveHttp(
  invocation: Invocation,
  place: Place,
  book: string,
  known: Known,
): Promise<Serving | undefined> {
  const address = addressGiven(setting('http', invocation.options.http as string | undefined));
  if (!address) return undefined;
  const { log } = known;
  const database = new Database({
    databaseUrl: place.url('postgres', book),
    applicationName: 'claire http',
    connections: CONNECTIONS,
    checkoutTimeout: ANSWER_MS,
    statementTimeout: ANSWER_MS,
    ...place.telling,
  });
  const { backups } = await backupSettings(invocation);
  const pools = new Pools({
    url: (role, of) => urlOfRole(place, database, role, of),
    telling: place.telling,
  });
  const books = booksServed(place, book, database);
  const streams = new Streams({ pools, onError: (error) => log.tell('http_failed', { error }) });
  const api = accessOf(invocation, book, pools, books);
  const machine: Machine = {
    database,
    diagnose: (of) => diagnose(database, of, surroundingsOf(invocation, place, of)),
    connections: (of, isOwn) => lookAtConnections(database, of, { isOwn }),
    backups: async (of) => ({
      ...(await backupStatusOf(backups, of, database)),
      backups: (await listBackups(backups)).filter((each) => holds(each, of)).map(described),
    }),
    books: async () =>
      (await books()).map(({ book: of, version }) => ({ book: of, version: version ?? null })),
    mayActAs: (role, of) => pools.mayActAs(role, of),
  };
  const background = backgroundOf(invocation, place, book, { database, backups, log });
  const requests = new Requests();
  const collector = new Collector({
    database,
    books: (session) => booksKept(place, book, session),
    sections: [trading, positions, profit, riskEvents, operations(), connections, archive],
    sources: [
      poolSource(() => [...place.pools(), database.stats(), ...pools.stats()]),
      known.runs.source,
      requests.source,
      background.source,
      (page) => page.set('claire_backup_failures_total', {}, known.backupFailures()),
    ],
    onError: (part, error) => log.tell('metrics_failed', { part, error }),
  });
  const app = build({
    ...{ collector, requests, isPublic: address.isPublic },
    api: { ...api, streams, endpoints: [...operationEndpoints(pools), ...machineEndpoints(machine)] },
    ready: () => requireReady(database, book),
    onUnknown: (error) => log.tell('http_failed', { error }),
    onRefused: (refusal) => log.tell('http_refused', refusal),
  });
  const close = async () => {
    await background.atRest();
    await pools.close();
    await database.close();
  };
  const listen = async () => {
    await requireTokens(address, api.isOpen, () => hasToken(database, book));
    return serve(app, address);
  };
  const serving = await listen().catch(async (error: unknown) => {
    await close();
    throw error;
  });
  log.tell('http_started', { url: serving.url });
  const moved = address.isAsked || serving.port === address.port ? '' : ` (${address.port} is taken)`;
  invocation.out.say(`HTTP is served on ${serving.url}${moved}: /reference says what is there.`);
  return {
    ...serving,
    async close() {
      await serving.close();
      await close();
    },
  };
}

/** Of one that cannot be read nobody knows whose it is. */
const holds = ({ side }: Listed, book: string): boolean =>
  side === undefined || side.books.some((one) => one.book === book);

async function hasToken(database: Database, book: string): Promise<boolean> {
  const [row] = await database.query<{ has: boolean }>(
    `select exists (select from ${identifier(book)}.tokens where revoked_at is null) as has`,
  );
  return row!.has;
}

function backgroundOf(
  invocation: Invocation,
  place: Place,
  book: string,
  { database, backups, log }: { database: Database; backups: string; log: Log },
): Background {
  const failing = new Set<string>();
  return new Background({
    books: () => booksKept(place, book, database),
    diagnose: (of) => diagnose(database, of, surroundingsOf(invocation, place, of)),
    backups: (of) => backupStatusOf(backups, of, database),
    async databaseBytes() {
      const [row] = await database.query<{ bytes: number }>(
        'select pg_database_size(current_database())::float8 as bytes',
      );
      return row!.bytes;
    },
    diskFreeBytes: async () => (await surroundingsOf(invocation, place, book).disk?.())?.free_bytes,
    onError(part, error) {
      if (!failing.has(part)) log.tell('metrics_failed', { part, error });
      failing.add(part);
    },
    onSuccess: (part) => void failing.delete(part),
  });
}
