import { type Claire, connect } from '../claire.js';
import type { EmbeddedServer, Login } from '../database/embedded/index.js';
import { Database, isPooled, type Queryable } from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import { migrate } from '../schema/index.js';
import type { Invocation } from './command.js';
import { untilInterrupted } from './interrupt.js';
import { type VisitOptions, visitEmbedded } from './visit.js';

/** The database that a command works on. */
export interface Place {
  /** Undefined where a database was named. */
  server: EmbeddedServer | undefined;
  /** Connection string of a login, with its secret: to connect, never to print. Where a database was named, that one. */
  url(login: Login): string;
  /** A pool of a login, closed when the command ends. */
  database(login: Login, connections?: number): Database;
  /** Ends with the server. */
  keeper: Queryable;
}

export interface PlaceOptions {
  /** `up`: the embedded server stays with this command. */
  host?: boolean;
  /** The embedded server even where a database was named. */
  embedded?: boolean;
  /** The work holds locks of a session or sets what the next client of a pooler would inherit: refused behind one. */
  direct?: boolean;
  /** The work ends by itself when the signal is aborted; else it is left where it is. */
  endsItself?: boolean;
}

/** Opens the named database, or the embedded server, for the time of the work. */
export async function withPlace<T>(
  invocation: Invocation,
  work: (place: Place) => Promise<T>,
  options: PlaceOptions = {},
): Promise<T> {
  const { globals, signal, out } = invocation;
  const run = (place: Place) => (options.endsItself ? work(place) : untilInterrupted(signal, work(place)));
  const url = options.embedded ? undefined : globals.databaseUrl;
  if (url !== undefined) {
    if (options.direct && (await isPooled(url, 'claire'))) throw new ClaireError('pooler_between');
    return withPools(undefined, () => url, undefined, run);
  }
  const visit: VisitOptions = {
    dataDir: globals.data,
    port: globals.port,
    host: options.host ?? false,
    onNotice: (sentence) => out.note(sentence),
  };
  return visitEmbedded(visit, ({ server, keeper }) => withPools(server, secretUrl(server), keeper, run));
}

/** As a place, with the verbs of the book on a login. The embedded server has a book `main` as soon as it is looked for. */
export async function withBook<T>(
  invocation: Invocation,
  login: Login,
  work: (claire: Claire, place: Place) => Promise<T>,
  options?: PlaceOptions,
): Promise<T> {
  const { book } = invocation.globals;
  const run = async (place: Place) => {
    const claire = await connectTo(place, book, login);
    try {
      return await work(claire, place);
    } finally {
      await claire.close();
    }
  };
  return withPlace(invocation, run, options);
}

/** Connects to a book; `main` of the embedded server is made where it is missing, so that a first question is answered. */
export async function connectTo(place: Place, book: string, login: Login): Promise<Claire> {
  const open = () => connect({ service: login, databaseUrl: place.url(login), book, connections: 4 });
  try {
    return await open();
  } catch (error) {
    if (!place.server || book !== 'main' || !(error instanceof ClaireError)) throw error;
    const admin = place.database('postgres');
    // The rights come last, so without them it is not finished. An older version may be so on purpose: then it stays.
    const isUnfinished = ['book_missing', 'right_missing'].includes(error.code);
    const isOlder = error.code === 'schema_outdated';
    if (!isUnfinished && !isOlder) throw error;
    // Waits for another command that is making it.
    if (isUnfinished || (await isBeingMigrated(admin, book))) await migrate(admin, book);
    return open();
  }
}

async function isBeingMigrated(admin: Database, book: string): Promise<boolean> {
  const [row] = await admin.query<{ held: boolean }>(
    `select exists (
       select from pg_locks, hashtextextended($1, 0) as key
       where locktype = 'advisory' and objsubid = 1 and granted
         and (classid::bigint << 32 | objid::bigint) = key
     ) as held`,
    [`claire migrate ${book}`],
  );
  return row!.held;
}

/** In the process the password itself is at hand: its file need not be read again for each pool. */
export const secretUrl = (server: EmbeddedServer) => (login: Login) =>
  server.url(login, { showSecrets: true });

export async function withPools<T>(
  server: EmbeddedServer | undefined,
  url: (login: Login) => string,
  keeper: Queryable | undefined,
  work: (place: Place) => Promise<T>,
): Promise<T> {
  const pools: Database[] = [];
  const database = (login: Login, connections = 4) => {
    const pool = new Database({ databaseUrl: url(login), applicationName: 'claire', connections });
    pools.push(pool);
    return pool;
  };
  try {
    return await work({ server, url, database, keeper: keeper ?? database('postgres', 1) });
  } finally {
    for (const pool of pools) await pool.close();
  }
}
