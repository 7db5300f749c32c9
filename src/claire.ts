import type { z } from 'zod';
import { setting } from './config.js';
import {
  bookName,
  Database,
  type DatabaseOptions,
  type Deadline,
  type Echo,
  identifier,
  LOGIN_ROLES,
  MOST_CONNECTIONS,
  profileOf,
  type Queryable,
  type TransactionOptions,
} from './database/index.js';
import { ClaireError } from './errors/index.js';
import {
  type AnyOperation,
  bindOperation,
  type Context,
  keepTimings,
  type Operation,
  type Operations,
  operations,
  Timings,
  type TimingsSnapshot,
  transactionContext,
} from './operations/index.js';
import { describeState, LATEST_VERSION, recognise } from './schema/index.js';

type Input<O> = O extends Operation<infer I, unknown> ? z.input<I> : never;
type Result<O> = O extends Operation<infer _, infer R> ? R : never;

/** What may be left out as a whole: reads whose filters are all optional. */
type Call<O> =
  Record<string, never> extends Input<O>
    ? (input?: Input<O>) => Promise<Result<O>>
    : (input: Input<O>) => Promise<Result<O>>;

/** The verbs of the record. A promise resolves only after the commit, inside a transaction with the transaction. */
export type Verbs = { readonly [Name in keyof Operations]: Call<Operations[Name]> };

/** What a service may say of its pool. Its profile and `docs/connections.md` have what counts where it says nothing. */
type PoolOptions = Pick<
  DatabaseOptions,
  | 'checkoutTimeout'
  | 'recycleAfter'
  | 'reconnects'
  | 'statementTimeout'
  | 'idleInTransactionTimeout'
  | 'leakAfter'
  | 'onNotice'
  | 'onLost'
  | 'echo'
  | 'pooler'
  | 'preparedStatements'
>;

export interface ConnectOptions extends PoolOptions {
  /** Name of the service: shown by the server, and the login on the embedded server where it has one of that name. */
  service: string;
  /** PostgreSQL 15 to 18. Default: DATABASE_URL, else the embedded server that runs on `data`. */
  databaseUrl?: string;
  /** Trading book. Default: CLAIRE_BOOK, else `main`. */
  book?: string;
  /** Directory of the embedded server. Default: CLAIRE_DATA, else `.claire`. */
  data?: string;
  /** Told apart from others of the same service by the server's `application_name`: `signal_engine 2`. */
  instance?: string;
  /** Largest number of connections, 20 at most. Default: that of the service, see `docs/connections.md`. */
  connections?: number;
  /**
   * Whether the times that calls took are written to `claire_system` once a minute, for `claire queries`. Default true;
   * it takes no connection of its own, and where nothing samples the database it writes nothing.
   */
  timings?: boolean;
}

/** A connection to one book. Verbs, transactions, and an end. */
export type Claire = Verbs & {
  readonly book: string;
  /**
   * Runs `work` in one transaction: all of it is recorded, or nothing. Tried again, as a whole, on a serialization
   * failure or a deadlock, so `work` must be able to run more than once.
   */
  transaction<T>(work: (t: Verbs) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /**
   * How the calls went since it was connected, by operation: how many, their errors by code, and how long they took from
   * the call to the result, waiting for a connection included. Those inside of transactions count too.
   */
  timings(): TimingsSnapshot;
  /** Ends all connections. What was acknowledged is recorded. */
  close(): Promise<void>;
};

/**
 * Connects to a book whose schema is the newest.
 * @throws ClaireError database_url_missing, database_unreachable, login_refused, book_missing, schema_outdated, schema_newer,
 *   schema_without_history
 */
export async function connect(options: ConnectOptions): Promise<Claire> {
  const book = bookName(options.book ?? setting('book')!);
  const databaseUrl =
    options.databaseUrl ??
    setting('database_url') ??
    (await embeddedUrl(options.service, options.data ?? setting('data')!, book));
  const database = new Database({ databaseUrl, ...poolOptions(options) });
  try {
    await requireLatest(database, book);
    return claireOn(database, book, options.timings === false ? undefined : options.service);
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** A service's pool: what was given, else what its profile says. */
function poolOptions({ service, instance, connections, timings: _, ...options }: ConnectOptions) {
  const { base, overflow, ...limits } = profileOf(service);
  if (
    connections !== undefined &&
    !(Number.isInteger(connections) && connections >= 1 && connections <= MOST_CONNECTIONS)
  ) {
    throw new ClaireError('input_invalid', {
      found: `connections: a whole number from 1 to ${MOST_CONNECTIONS}, not ${connections}.`,
    });
  }
  const echoed = setting('echo');
  return {
    leakAfter: LEAK_MS,
    reconnects: true,
    ...limits,
    ...(options.echo === undefined && echoed ? { echo: printEcho } : {}),
    ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
    applicationName: instance === undefined ? service : `${service} ${instance}`,
    connections: connections ?? base + overflow,
    baseConnections: Math.min(base, connections ?? base),
    echoValues: echoed === 'values',
  };
}

const LEAK_MS = 60_000;

function printEcho({ service, statement, values, milliseconds, error }: Echo): void {
  const shown = values ? ` ${JSON.stringify(values)}` : '';
  const failed = error ? ` failed: ${error}` : '';
  process.stderr.write(
    `${service} ${milliseconds.toFixed(1)} ms ${statement.replace(/\s+/g, ' ').trim()}${shown}${failed}\n`,
  );
}

/** A Claire one of whose calls can be told to end. */
export interface Bounded {
  /** Calls a verb by its name, and throws ClaireError deadline_passed where its time is over. */
  callWithin(deadline: Deadline, name: keyof Operations, input: unknown): Promise<unknown>;
  /** Counts work on the same pool as a call of that verb. */
  watch<T>(name: keyof Operations, work: () => Promise<T>): Promise<T>;
}

/**
 * The verbs on a pool that is there already; `close` ends the pool. The timings of a service that is named are kept for
 * `claire queries`.
 */
export function claireOn(database: Database, book: string, service?: string): Claire & Bounded {
  const quoted = identifier(book);
  const { turn, ended } = untilEnded();
  const timings = new Timings();
  const written = service === undefined ? undefined : keepTimings(database, timings, { book, service });
  return {
    ...verbs((operation) => onPool(database, quoted, operation), turn, timings),
    book,
    callWithin(deadline, name, input) {
      const operation: AnyOperation = operations[name];
      const context = onPool(database.within(deadline), quoted, operation);
      return verbOf(name, operation, context, turn, timings)(input);
    },
    watch: (name, work) => timings.watch(name, turn(work)),
    transaction: (work, transactionOptions) =>
      turn(() =>
        database.transaction((t) => {
          const context = transactionContext(t, quoted);
          return work(verbs(() => context, oneAtATime(), timings));
        }, transactionOptions),
      ),
    timings: () => timings.snapshot(),
    close: async () => {
      await ended();
      await written?.();
      await database.close();
    },
  };
}

type Turn = <T>(work: () => Promise<T>) => Promise<T>;

/** What may be run twice is, when its connection is lost. What knows no rows by their ids runs in a transaction. */
function onPool(database: Database, book: string, operation: AnyOperation): Context {
  const context = { book, inTransaction: false, attempt: <T>(work: () => Promise<T>) => work() };
  if (operation.kind === 'read') return { ...context, database: database.repeating('read') };
  if (operation.kind === 'batch' || operation.gathered) {
    return { ...context, database: database.repeating('write') };
  }
  const query: Queryable['query'] = (...statement) => database.transaction((t) => t.query(...statement));
  return { ...context, database: { query } };
}

function verbs(contextOf: (operation: AnyOperation) => Context, turn: Turn, timings: Timings): Verbs {
  return Object.fromEntries(
    Object.entries(operations).map(([name, operation]) => [
      name,
      verbOf(name, operation, contextOf(operation), turn, timings),
    ]),
  ) as unknown as Verbs;
}

function verbOf(name: string, operation: AnyOperation, context: Context, turn: Turn, timings: Timings) {
  const run = bindOperation(operation, { ...context, database: signed(context.database, name) });
  return (input?: unknown) =>
    timings.watch(
      name,
      turn(() => run(input)),
    );
}

/** Has each statement say whose it is wherever the server shows statements: its statistics, its sessions, its log. */
export function signed(database: Queryable, operation: string): Queryable {
  const signature = ` /* claire ${operation} */`;
  return { query: (text, values, options) => database.query(text + signature, values, options) };
}

/** Lets calls run until the end; then takes no new ones and waits for those that run, or wait for a statement to leave in. */
function untilEnded(): { turn: Turn; ended(): Promise<unknown> } {
  const running = new Set<Promise<unknown>>();
  let isEnded = false;
  return {
    turn(work) {
      if (isEnded) return Promise.reject(new ClaireError('claire_closed'));
      const mine = work();
      const done = () => running.delete(mine);
      running.add(mine);
      mine.then(done, done);
      return mine;
    },
    ended() {
      isEnded = true;
      return Promise.allSettled(running);
    },
  };
}

/** Calls of one transaction wait for each other: between a savepoint and its end no other call may write. */
function oneAtATime(): Turn {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.catch(() => {});
    return mine;
  };
}

async function requireLatest(database: Database, book: string): Promise<void> {
  const state = await recognise(database, book);
  if (state.newer) throw new ClaireError('schema_newer', { found: `Book ${book} stands at ${state.newer}.` });
  // Even at the newest version: without a history the next one would not know where it begins.
  if (state.handMade) throw new ClaireError('schema_without_history', { found: describeState(state) });
  if (state.version === LATEST_VERSION) return;
  if (state.applied.length === 0)
    throw new ClaireError('book_missing', { found: `There is no book ${book} here.` });
  throw new ClaireError('schema_outdated', {
    found: `Book ${book} stands at ${state.version ?? 'none'}${state.unfinished ? ', and was not brought to its end' : ''}; ${LATEST_VERSION} is needed.`,
  });
}

async function embeddedUrl(service: string, data: string, book: string): Promise<string> {
  const { findEmbedded } = await import('./database/embedded/index.js');
  const server = await findEmbedded(data);
  if (!server) throw new ClaireError('database_url_missing');
  return server.url(LOGIN_ROLES.find((login) => login === service) ?? 'claire', { book });
}
