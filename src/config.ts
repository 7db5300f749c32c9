import { createRequire } from 'node:module';
import { delimiter } from 'node:path';

/**
 * Every setting that comes from outside, in one table: `--help`, the docs and the code read it here.
 * This is the only file that looks at the environment.
 */
export const settings = {
  database_url: {
    environment: 'DATABASE_URL',
    flag: '--database-url <url>',
    fallback: undefined,
    meaning: 'PostgreSQL 15 to 18 to use instead of the embedded server',
  },
  data: {
    environment: 'CLAIRE_DATA',
    flag: '--data <dir>',
    fallback: '.claire',
    meaning: "directory of the embedded server's data",
  },
  port: {
    environment: 'CLAIRE_PORT',
    flag: '--port <port>',
    fallback: undefined,
    meaning: 'port of the embedded server (default: 5432 if free at the first start, then kept)',
  },
  book: {
    environment: 'CLAIRE_BOOK',
    flag: '--book <name>',
    fallback: 'main',
    meaning: 'trading book: one PostgreSQL schema with the whole record',
  },
  backups: {
    environment: 'CLAIRE_BACKUPS',
    flag: '--backups <dir>',
    fallback: undefined,
    meaning: 'directory of backups, any mounted path (default: backups in the directory of --data)',
  },
  backup_key_file: {
    environment: 'CLAIRE_BACKUP_KEY_FILE',
    flag: '--key-file <file>',
    fallback: undefined,
    meaning: 'file with the key that backups are encrypted with: 64 hexadecimal digits',
  },
  backup_key: {
    environment: 'CLAIRE_BACKUP_KEY',
    flag: undefined,
    fallback: undefined,
    meaning: 'the key itself, where it comes from a store of secrets and not from a file',
  },
  notify: {
    environment: 'CLAIRE_NOTIFY',
    flag: '--notify <url>',
    fallback: undefined,
    meaning: 'URL that `claire up` tells of each halt, each resumption and each failed backup: JSON by POST',
  },
  http: {
    environment: 'CLAIRE_HTTP',
    flag: '--http <address>',
    fallback: undefined,
    meaning:
      'HOST:PORT on which `claire up` serves HTTP, or `off` (default: 127.0.0.1:4400 or the next free port); one that others reach wants a token in the book',
  },
  cors: {
    environment: 'CLAIRE_CORS',
    flag: '--cors <origins>',
    fallback: undefined,
    meaning: 'origins of other pages that may ask over HTTP, with commas between (default: none)',
  },
  http_origin: {
    environment: 'CLAIRE_HTTP_ORIGIN',
    flag: '--http-origin <origin>',
    fallback: undefined,
    meaning: 'address under which a proxy serves HTTP to others: https://desk.example',
  },
  http_rate: {
    environment: 'CLAIRE_HTTP_RATE',
    flag: '--http-rate <requests>',
    fallback: '100',
    meaning: 'requests a second that each token may send over HTTP; twice as many at once',
  },
  log: {
    environment: 'CLAIRE_LOG',
    flag: '--log <file>',
    fallback: undefined,
    meaning:
      'file to which `claire up` and `claire service` append a line of JSON for each event; `-` is standard error',
  },
  scratch_url: {
    environment: 'CLAIRE_SCRATCH_URL',
    flag: '--scratch <url>',
    fallback: undefined,
    meaning:
      'server to restore backups into for a look, in a database of its own there; default: an embedded one',
  },
  backup_at: {
    environment: 'CLAIRE_BACKUP_AT',
    flag: '--backup-at <time>',
    fallback: '03:00',
    meaning: 'time of day in UTC at which `claire up` takes backups; `never` for none',
  },
  backup_hook: {
    environment: 'CLAIRE_BACKUP_HOOK',
    flag: '--hook <command>',
    fallback: undefined,
    meaning:
      'command that is run after a backup was verified, to take it elsewhere; CLAIRE_BACKUP holds its directory',
  },
  pg_bin: {
    environment: 'CLAIRE_PG_BIN',
    flag: undefined,
    fallback: undefined,
    meaning: 'directory of pg_dump and pg_restore, where they are not on PATH or in a usual place',
  },
  passfile: {
    environment: 'PGPASSFILE',
    flag: undefined,
    fallback: undefined,
    meaning: 'password file in the format of libpq, where the connection string names none',
  },
  echo: {
    environment: 'CLAIRE_ECHO',
    flag: undefined,
    fallback: undefined,
    meaning:
      'print each SQL statement of a service on standard error: `statements`, or `values` with what they were given',
  },
  sslmode: {
    environment: 'PGSSLMODE',
    flag: undefined,
    fallback: undefined,
    meaning: 'TLS as libpq has it (disable to verify-full), where the connection string names no sslmode',
  },
  sslrootcert: {
    environment: 'PGSSLROOTCERT',
    flag: undefined,
    fallback: undefined,
    meaning:
      'certificate of the authority that servers are verified by, where the connection string names none',
  },
} as const;

export type Setting = keyof typeof settings;

/** The setting as given by flag, else environment, else its default. An empty variable counts as unset. */
export function setting(name: Setting, given?: string): string | undefined {
  return given ?? (process.env[settings[name].environment] || undefined) ?? settings[name].fallback;
}

/** Directories of the system that a part of Claire may write to, from the environment of the process. */
export const systemDirectories = () => ({
  cache: process.env.XDG_CACHE_HOME || undefined,
  home: process.env.HOME || process.env.USERPROFILE || undefined,
});

/** Where the system looks for programs. */
export const programDirectories = (): string[] => (process.env.PATH ?? '').split(delimiter).filter(Boolean);

/** The environment for programs that we start: nothing of ours, so no PG* variable misleads them. */
export const childEnvironment = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('PG') && name !== 'DATABASE_URL'),
  ) as Record<string, string>;

/** As that, for a process that connects where we do: it finds password and certificate in the files where we find them. */
export const clientEnvironment = (): Record<string, string> => {
  const shared = (['passfile', 'sslmode', 'sslrootcert'] as const).map(
    (name) => [settings[name].environment, setting(name)] as const,
  );
  return {
    ...childEnvironment(),
    ...(Object.fromEntries(shared.filter(([, value]) => value !== undefined)) as Record<string, string>),
  };
};

/** The version of this Claire, as its package says it. */
export const packageVersion = (): string =>
  (createRequire(import.meta.url)('../package.json') as { version: string }).version;
