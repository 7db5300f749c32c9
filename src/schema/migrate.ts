import { type Database, identifier, type Queryable } from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import { type Application, inTransaction, LOCK_MS, type StepProgress } from './application.js';
import { applySteps } from './apply.js';
import { LATEST_VERSION, type Migration, readMigrations, VERSIONS, type Version } from './files.js';
import { persist } from './hindrances.js';
import { lockBook } from './migrators.js';
import { preflight } from './preflight.js';
import { type BookState, recognise } from './recognise.js';
import { applyGrants } from './roles/grants.js';
import { actAsOwner, usableOwner } from './roles/owner.js';
import { type Settled, settle } from './settle.js';
import type { Step } from './steps.js';

export interface MigrateOptions {
  /** Version to stop at. Default: the newest. */
  to?: Version;
  /** Moves old rows that break a law and have no sure meaning to quarantine, so that every law becomes valid. */
  quarantine?: boolean;
  /** Zone in which the server wrote created_at before 1.2; asked for where it cannot be found out. */
  recordedIn?: string;
  /** Told of each file before it runs. */
  onFile?: (migration: Migration) => void;
  /** Told of each step, and while one takes its time. */
  onProgress?: (progress: StepProgress) => void;
  /** Told, in sentences, what is waited for and what to expect. */
  onNotice?: (sentence: string) => void;
  /** Told after each step; what it throws ends the migration as a lost connection would. */
  afterStep?: (step: Step) => void | Promise<void>;
  /** Ends the migration, and the statement that it is at, when aborted. */
  signal?: AbortSignal;
  /** How long to wait for another migrator of the same book, and for whoever holds a table, in milliseconds. */
  patience?: number;
}

export interface Migrated extends BookState, Settled {}

const PATIENCE_MS = 3_600_000;

/**
 * Brings a book to a version, making it where it does not exist, beside services that go on writing. Runs twice without
 * harm; interrupted anywhere, it is run again and goes on. Two at once: the second waits and then has nothing to do.
 * @throws ClaireError schema_newer, schema_unrecognised, schema_depended_on, recorded_zone_unknown, migration_edited,
 * migration_gap, migration_backward, migration_busy, migration_blocked, right_missing
 */
export async function migrate(
  database: Database,
  book: string,
  options: MigrateOptions = {},
): Promise<Migrated> {
  const migrations = await readMigrations();
  await requireServer(database);
  return alone(database, book, options, (session) =>
    bring(database, session, { ...options, book, migrations }),
  );
}

/** Runs work in a session that no other migrator of the book has beside it, nor anybody who gives rights there. */
export function alone<T>(
  database: Database,
  book: string,
  options: Pick<MigrateOptions, 'patience' | 'onNotice' | 'signal'>,
  work: (session: Queryable) => Promise<T>,
): Promise<T> {
  return database.session(async (session) => {
    await lockBook(session, book, { patience: PATIENCE_MS, ...options });
    try {
      for (const setting of SETTINGS) await session.query(setting);
      // Where the server does not know these, nothing is lost.
      for (const setting of PERHAPS) await session.query(setting).catch(() => {});
      return await work(session);
    } finally {
      for (const reset of RESETS) await session.query(reset).catch(() => {});
    }
  });
}

/** Not DISCARD ALL: it would take the statements that the pool keeps prepared on this connection. */
const RESETS = ['reset role', 'reset all', 'discard temp', 'select pg_advisory_unlock_all()'];

/** What a role or a database sets by default must not end a step that takes its time, nor change what is read. */
const SETTINGS = [
  'set statement_timeout to 0',
  'set lock_timeout to 0',
  'set idle_in_transaction_session_timeout to 0',
  'set idle_session_timeout to 0',
  `set default_transaction_isolation to 'read committed'`,
  'set default_transaction_read_only to off',
  'set quote_all_identifiers to off',
];

const PERHAPS = [
  // From 17 on.
  'set transaction_timeout to 0',
  // A server that can tell that its client is gone ends the statement, so that the next migrator may begin.
  'set client_connection_check_interval to 1000',
];

interface Bringing extends MigrateOptions {
  book: string;
  migrations: readonly Migration[];
}

async function bring(database: Database, session: Queryable, options: Bringing): Promise<Migrated> {
  const { book, migrations, to = LATEST_VERSION } = options;
  await actAsOwner(session, book);
  const state = await recognise(session, book);
  const pending = pendingMigrations(state, migrations, to);
  const still = !state.handMade && state.applied.length === 0;
  const zone = pending.length > 0 ? await prepare(session, state, { ...options, to, pending }, still) : 'UTC';
  const application = await applicationFor(database, session, { ...options, zone, still });
  const stop = cancelOnAbort(database, application);
  try {
    await applyFiles(application, pending, options, migrations.at(-1)!);
    if (state.version === LATEST_VERSION && pending.length === 0) await applyGrants(session, book);
    const after = await recognise(session, book);
    // Without rows nothing is left open; and a book of an older program is none of this one's business.
    if (still) return { ...after, validated: [], broken: [], quarantined: 0, kept: [] };
    await session.query(`set search_path to ${identifier(book)}, pg_temp`);
    const mend = migrations.filter(({ number, again }) => again && number <= after.applied.length);
    const { onProgress } = options;
    const title = 'Old rows are held against the laws';
    const told: Application = {
      ...application,
      ...(onProgress ? { onProgress: (now) => onProgress({ ...now, title, at: 1, of: 1 }) } : {}),
    };
    const settled = await settle(told, {
      mend: mend.flatMap(({ steps }) => steps),
      quarantine: options.quarantine ?? false,
    });
    return { ...after, ...settled };
  } finally {
    stop();
  }
}

async function applicationFor(
  database: Database,
  session: Queryable,
  options: Bringing & { zone: string; still: boolean },
): Promise<Application> {
  const [row] = await session.query<{ pid: number }>('select pg_backend_pid() as pid');
  const { book, zone, still, patience = PATIENCE_MS, onNotice, afterStep, signal } = options;
  return {
    ...{ session, pid: row!.pid, database, book, zone, still, patience },
    ...(onNotice ? { onNotice } : {}),
    ...(afterStep ? { afterStep } : {}),
    ...(signal ? { signal } : {}),
  };
}

async function applyFiles(
  application: Application,
  pending: readonly Migration[],
  { onFile, onProgress }: MigrateOptions,
  last: Migration,
): Promise<void> {
  const of = pending.reduce((sum, { steps }) => sum + steps.length, 0);
  let before = 0;
  for (const migration of pending) {
    onFile?.(migration);
    const first = before;
    let at = first;
    const told: Application = {
      ...application,
      ...(onProgress ? { onProgress: (now) => onProgress({ ...now, title: migration.title, at, of }) } : {}),
    };
    const each = (index: number) => {
      at = first + index + 1;
      onProgress?.({ title: migration.title, at, of });
    };
    await applyFile(told, migration, each, migration.number === last.number);
    before += migration.steps.length;
  }
}

async function applyFile(
  application: Application,
  migration: Migration,
  each: (at: number) => void,
  isLast: boolean,
): Promise<void> {
  const { session, book, still } = application;
  const begun = Date.now();
  const schema = identifier(book);
  // Functions keep this path (set search_path from current); pg_temp last, so that no temporary table shadows ours.
  const path = `search_path to ${schema}, pg_temp`;
  const finish = async () => {
    await session.query(
      `insert into ${schema}.schema_migrations (number, name, version, hash, duration_ms) values ($1, $2, $3, $4, $5)`,
      [migration.number, migration.name, migration.version, migration.hash, Date.now() - begun],
    );
    // With the last file, so that nobody meets a version that he may not read.
    if (isLast) await applyGrants(session, book);
  };
  if (still) {
    await inTransaction(session, async () => {
      await session.query(`set local ${path}`);
      await applySteps(application, migration.steps, each);
      await finish();
    });
  } else {
    await session.query(`set ${path}`);
    await applySteps(application, migration.steps, each);
    await session.query(`set lock_timeout to ${LOCK_MS}`);
    await persist(application, undefined, () => inTransaction(session, finish));
  }
}

/** Files in the transaction that the caller began, on a book that nobody sees: for what is to be expected of one. */
export async function applyStill(
  session: Queryable,
  book: string,
  migrations: readonly Migration[],
): Promise<void> {
  const application = { session, book, zone: 'UTC', still: true, pid: 0, patience: 0 };
  await session.query(`set local search_path to ${identifier(book)}, pg_temp`);
  for (const { steps } of migrations) await applySteps(application, steps);
}

/** Ends the statement under way when the signal is aborted; gives what ends the listening. */
function cancelOnAbort(database: Database, { pid, signal }: Application): () => void {
  const cancel = () => void database.query('select pg_cancel_backend($1)', [pid]).catch(() => {});
  signal?.addEventListener('abort', cancel, { once: true });
  return () => signal?.removeEventListener('abort', cancel);
}

/** Refuses what stands in the way, and what a newer program has made. */
export function requireOurs(state: BookState): void {
  if (state.newer) {
    throw new ClaireError('schema_newer', {
      found: `Book ${state.book} stands at ${state.newer}, this program knows up to ${LATEST_VERSION}.`,
    });
  }
  if (state.inTheWay.length > 0) {
    throw new ClaireError('schema_unrecognised', {
      found: `In schema ${state.book}: ${state.inTheWay.join(', ')}.`,
    });
  }
}

/** What is still to be applied, after the history was held against the files. */
export function pendingMigrations(
  state: BookState,
  migrations: readonly Migration[],
  to: Version,
): Migration[] {
  requireOurs(state);
  for (const [at, applied] of state.applied.entries()) {
    const file = migrations[at];
    if (applied.number !== at + 1) {
      throw new ClaireError('migration_gap', {
        found: `Book ${state.book} has ${applied.name}, and before it ${at} of the ${applied.number - 1} that this program knows: ${file?.name} is not among them.`,
      });
    }
    if (file?.hash !== applied.hash) {
      throw new ClaireError('migration_edited', {
        found: `Book ${state.book} has ${applied.name} (${applied.hash.slice(0, 12)}), here it is ${file?.name} (${file?.hash.slice(0, 12)}).`,
      });
    }
  }
  const newest = state.handMade ? state.version : state.applied.at(-1)?.version;
  if (VERSIONS.some((version, at) => version === newest && at > VERSIONS.indexOf(to))) {
    const where = state.unfinished ? `is on its way from ${state.version ?? 'nothing'} to` : 'stands at';
    throw new ClaireError('migration_backward', {
      found: `Book ${state.book} ${where} ${newest}; ${to} was asked for.`,
    });
  }
  return migrations
    .slice(state.applied.length)
    .filter((m) => VERSIONS.indexOf(m.version) <= VERSIONS.indexOf(to));
}

async function requireServer(database: Queryable): Promise<void> {
  const [row] = await database.query<{ version: string }>(
    `select current_setting('server_version_num') as version`,
  );
  const major = Math.floor(Number(row?.version) / 10_000);
  if (major < 15) throw new ClaireError('server_too_old', { found: `This server is ${major}.` });
}

/** Looks whether everything that is needed is there, before anything is changed. Gives the zone of created_at. */
async function prepare(
  session: Queryable,
  state: BookState,
  options: MigrateOptions & { to: Version; pending: readonly Migration[] },
  still: boolean,
): Promise<string> {
  const { onNotice } = options;
  const { zone, warnings } = await preflight(session, state.book, state, options);
  if (!still) for (const warning of warnings) onNotice?.(warning);
  const schema = identifier(state.book);
  // An owner of the tables need not have the right to make a schema.
  if (!state.exists) {
    const owner = await usableOwner(session, state.book);
    const to = owner ? ` authorization ${identifier(owner)}` : '';
    await session.query(`create schema if not exists ${schema}${to}`);
    await actAsOwner(session, state.book);
  }
  await session.query(
    `create table if not exists ${schema}.schema_migrations (
       number integer primary key,
       name text not null,
       version text not null,
       hash text not null,
       duration_ms integer not null,
       applied_at timestamp not null default timezone('UTC', now())
     )`,
  );
  return zone;
}
