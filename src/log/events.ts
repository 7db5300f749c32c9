/** What an event is to whoever reads the log. */
export type Level = 'info' | 'warn' | 'error';

/** A field of an event, and what it holds. `?`: where it is known. */
export interface EventEntry {
  level: Level;
  meaning: string;
  fields: Readonly<Record<string, string>>;
}

const book = { book: 'book' };
const took = { took_ms: 'how long it took' };
const error = { error: '`code` and `message`' };
const connection = {
  service: 'whose connection',
  held_ms: 'how long it has been out',
  statement: 'the statement in brief, without its values',
};

/** Every event of the log, once: `docs/operating/logs.md` is made from this. Each also has `time`, `level` and `event`. */
export const EVENTS = {
  up_started: {
    level: 'info',
    meaning: '`claire up` is ready.',
    fields: { ...book, version: "the book's", claire: "Claire's", server: 'address of the embedded server?' },
  },
  up_stopped: {
    level: 'info',
    meaning: '`claire up` has ended as it was told.',
    fields: { ...book, ...took },
  },
  up_failed: {
    level: 'error',
    meaning: '`claire up` has ended with an error.',
    fields: { ...book, ...error },
  },
  service_started: {
    level: 'info',
    meaning: '`claire service` works.',
    fields: { ...book, service: 'login' },
  },
  service_stopped: {
    level: 'info',
    meaning: '`claire service` has done its work, or was told to end.',
    fields: { ...book, service: 'login', ...took },
  },
  service_failed: {
    level: 'error',
    meaning: '`claire service` has ended with an error.',
    fields: { ...book, service: 'login', ...error },
  },
  migrated: {
    level: 'info',
    meaning: 'The book was brought to a version.',
    fields: { ...book, version: 'the version', applied: 'files applied' },
  },
  job_failed: {
    level: 'error',
    meaning: 'A task of the upkeep failed; told once until it succeeds again.',
    fields: { ...book, job: 'task', ...took, ...error },
  },
  job_recovered: {
    level: 'info',
    meaning: 'A task of the upkeep that had failed succeeds again.',
    fields: { ...book, job: 'task', ...took },
  },
  retention_ran: { level: 'info', meaning: 'Retention has looked at a book.', fields: { ...book, ...took } },
  upkeep_failed: { level: 'error', meaning: 'What is done for every book failed.', fields: error },
  backup_taken: {
    level: 'info',
    meaning: 'A backup was taken.',
    fields: { ...book, backup: 'name', bytes: 'size on disk', ...took },
  },
  backup_verified: {
    level: 'info',
    meaning: 'A backup was restored to see that it can be.',
    fields: { ...book, backup: 'name' },
  },
  backup_pruned: { level: 'info', meaning: 'Old backups were removed.', fields: { backups: 'names' } },
  backup_failed: {
    level: 'error',
    meaning: 'A backup, its proof, or the archive of the log failed.',
    fields: error,
  },
  trading_halted: {
    level: 'warn',
    meaning: 'Trading was halted.',
    fields: { ...book, cause: 'hand or drawdown', actor: 'login', reason: 'why' },
  },
  trading_resumed: {
    level: 'info',
    meaning: 'Trading was resumed.',
    fields: { ...book, cause: 'hand or drawdown', actor: 'login', reason: 'why' },
  },
  notice_failed: { level: 'error', meaning: 'Who is to be woken could not be told.', fields: error },
  connection_held: {
    level: 'warn',
    meaning: 'A connection has been out for longer than it should be.',
    fields: connection,
  },
  connection_returned: {
    level: 'info',
    meaning: 'A connection that was reported came back.',
    fields: connection,
  },
  connection_lost: {
    level: 'warn',
    meaning: 'The other side ended a connection that nobody had; the next caller gets another one.',
    fields: { service: 'whose connection', reason: 'what the driver says' },
  },
  http_started: { level: 'info', meaning: 'HTTP is served.', fields: { url: 'where' } },
  http_refused: {
    level: 'warn',
    meaning: 'A request that names another host than this machine was refused.',
    fields: { code: 'code of the error', host: 'the host that it names' },
  },
  http_failed: {
    level: 'error',
    meaning: 'A request met an error that is not in the catalogue.',
    fields: error,
  },
  metrics_failed: {
    level: 'warn',
    meaning: 'A part of the metrics could not be collected; told once until it can.',
    fields: { part: 'which', ...error },
  },
} as const satisfies Record<string, EventEntry>;

export type EventName = keyof typeof EVENTS;
