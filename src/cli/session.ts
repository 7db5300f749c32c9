import { type Claire, connect } from '../claire.js';
import { type EmbeddedServer, type Login, SUPERUSER } from '../database/embedded/index.js';
import {
  Database,
  type DatabaseOptions,
  isPooled,
  type PoolStats,
  type Queryable,
} from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import { describeState, LATEST_VERSION, migrate, migratorsOf, recognise } from '../schema/index.js';
import { makeRoles } from './book-roles.js';
import type { Invocation } from './command.js';
import { untilInterrupted } from './interrupt.js';
import { wantsBackup } from './migration/before.js';
import { type VisitOptions, visitEmbedded } from './visit.js';

/** The database that a command works on. */
export interface Place {
  /** Undefined where a database was named. */
  server: EmbeddedServer | undefined;
  /** Whose logins are meant where no other book is named. */
  book: string;
  /** Connection string of a book's login. Where a database was named that one, with what secrets it holds. */
  url(login: Login, book?: string): string;
  /** A pool of a login, closed when the command ends. The administrator's is one for the whole command. */
  database(login: Login, book?: string): Database;
  /** Ends with the server. */
  keeper: Queryable;
  /** Of the pools that were opened, those too that are closed by now. */
  pools(): PoolStats[];
  telling: Telling;
}

/** Who is told of what becomes of connections. */
type Telling = Pick<DatabaseOptions, 'onNotice' | 'onLost' | 'leakAfter'>;

export interface PlaceOptions {
  /** Another book than that of the invocation. */
  book?: string;
  /** `up`: the embedded server stays with this command. */
  host?: boolean;
  /** The embedded server even where a database was named. */
  embedded?: boolean;
  /** The work holds locks of a session or sets what the next client of a pooler would inherit: refused behind one. */
  direct?: boolean;
  /** A server that is away is waited for, as a service does; a person is told at once. */
  waits?: boolean;
  /** For the pools of the command. */
  telling?: Telling;
  /** Told of the embedded server when this command has stopped it. */
  onStopped?: (server: EmbeddedServer) => Promise<void>;
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
  const book = options.book ?? globals.book;
  const url = options.embedded ? undefined : globals.databaseUrl;
  if (url !== undefined) {
    if (options.direct && (await isPooled(url, 'claire'))) {
      throw new ClaireError('pooler_between', { found: 'It takes a session of the server for itself.' });
    }
    return withPools({ url }, book, run, options.telling);
  }
  const visit: VisitOptions = {
    dataDir: globals.data,
    port: globals.port,
    host: options.host ?? false,
    onNotice: (sentence) => out.note(sentence),
    onStopped: options.onStopped,
  };
  return visitEmbedded(visit, (visited) => withPools(visited, book, run, options.telling));
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
    const claire = await connectTo(place, book, login, options?.waits);
    try {
      return await work(claire, place);
    } finally {
      await claire.close();
    }
  };
  return withPlace(invocation, run, options);
}

/**
 * How many connections a command takes as a login, where its work is not a service's: of few each, because several
 * commands may run at once.
 */
const CONNECTIONS: Partial<Record<Login, number>> = {
  claire_operator: 1,
  claire_reader: 1,
  claire_upkeep: 2,
};
const connectionsOf = (login: Login): number => CONNECTIONS[login] ?? 4;

/** A person waits as long as he likes; a service has its limit. */
const limitOf = (login: Login) => (SERVICES.has(login) ? {} : { statementTimeout: 0 });
const SERVICES: ReadonlySet<string> = new Set(['signal_engine', 'risk_manager', 'execution_service']);

/**
 * Connects to a book. On the embedded server `main` is made where it is missing, so that a first question is answered, and
 * so are the roles of a book that was made before books had roles of their own.
 */
export async function connectTo(
  place: Place,
  book: string,
  login: Login,
  reconnects = false,
): Promise<Claire> {
  const connections = connectionsOf(login);
  const open = () =>
    connect({
      ...{ service: login, databaseUrl: place.url(login, book), book, connections, reconnects },
      ...limitOf(login),
      ...place.telling,
    });
  try {
    return await open();
  } catch (error) {
    if (!place.server || !(error instanceof ClaireError) || !MENDED.includes(error.code)) throw error;
    await mend(place, book, error);
    return open();
  }
}

/** What a book or its roles that are missing, or not finished, are met with. */
const MENDED = ['book_missing', 'right_missing', 'login_refused', 'schema_outdated'];

async function mend(place: Place, book: string, error: ClaireError): Promise<void> {
  const admin = place.database('postgres');
  const state = await recognise(admin, book);
  if (state.version !== LATEST_VERSION || state.unfinished) {
    if (state.newer) throw error;
    // An older version may be so on purpose; what has no rows was not finished. Only main is made without being asked for.
    const isOurs = book === 'main' && !state.handMade && !(await wantsBackup(admin, state, LATEST_VERSION));
    // Waits for another command that is making it.
    if (isOurs || (await migratorsOf(admin, book)).length > 0) await migrate(admin, book);
    else if (state.version === undefined) throw missing(error, book);
    else throw new ClaireError('schema_outdated', { found: describeState(state), cause: error });
  }
  await makeRoles(place, book);
}

/** A login that is not there says nothing of the book; the book that is not there does. */
const missing = (error: ClaireError, book: string): ClaireError =>
  error.code === 'login_refused' || error.code === 'right_missing'
    ? new ClaireError('book_missing', { found: `There is no book ${book} here.`, cause: error })
    : error;

/** A server that is visited, or the one of a connection string. */
export type Target = { server: EmbeddedServer; keeper: Queryable } | { url: string };

/** The strings name the passfile, so that a password that is changed meanwhile is found by the next connection. */
export async function withPools<T>(
  target: Target,
  book: string,
  work: (place: Place) => Promise<T>,
  telling: Telling = {},
): Promise<T> {
  const pools: Database[] = [];
  const server = 'server' in target ? target.server : undefined;
  const url = (login: Login, of = book) =>
    'url' in target ? target.url : target.server.url(login, { book: of });
  const open = (login: Login, of: string) => {
    const connections = connectionsOf(login);
    const applicationName = login === 'claire_upkeep' ? 'claire upkeep' : 'claire';
    const pool = new Database({ databaseUrl: url(login, of), applicationName, connections, ...telling });
    pools.push(pool);
    return pool;
  };
  let admin: Database | undefined;
  const database = (login: Login, of = book) => {
    if (login !== SUPERUSER) return open(login, of);
    admin ??= open(login, of);
    return admin;
  };
  try {
    const keeper = 'keeper' in target ? target.keeper : database('postgres');
    const stats = () => pools.map((pool) => pool.stats());
    return await work({ server, book, url, database, keeper, pools: stats, telling });
  } finally {
    for (const pool of pools) await pool.close();
  }
}
