import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { programDirectories, setting } from '../../config.js';
import { run } from '../../database/embedded/programs.js';
import { ClaireError } from '../../errors/index.js';

/** PostgreSQL's own programs for backups. The embedded build has none. */
export interface DumpTools {
  /** Major version of PostgreSQL that they are of. */
  major: number;
  directory: string;
  pgDump: string;
  pgRestore: string;
}

const EXE = process.platform === 'win32' ? '.exe' : '';

/**
 * The programs for a server: of its major version, else the next newer one. An older pg_dump refuses the server.
 * `directory`: the only place to look in; default CLAIRE_PG_BIN, else PATH and where installers put them.
 * @throws ClaireError backup_tools_missing
 */
export async function findDumpTools(serverMajor: number, directory = setting('pg_bin')): Promise<DumpTools> {
  const found = await dumpToolsIn(directory);
  const fitting = found.filter(({ major }) => major >= serverMajor).sort((a, b) => a.major - b.major);
  if (fitting[0]) return fitting[0];
  throw missing(
    found,
    directory,
    `The server is PostgreSQL ${serverMajor}, and pg_dump refuses servers that are newer than itself.`,
  );
}

/** The newest programs: they read what any older pg_dump wrote. @throws ClaireError backup_tools_missing */
export async function newestDumpTools(directory = setting('pg_bin')): Promise<DumpTools> {
  const found = await dumpToolsIn(directory);
  const [newest] = found.sort((a, b) => b.major - a.major);
  if (newest) return newest;
  throw missing(found, directory, 'The dump is read by pg_restore, which comes with pg_dump.');
}

function missing(found: readonly DumpTools[], directory: string | undefined, why: string): ClaireError {
  const where = directory ?? 'PATH, or where PostgreSQL is usually installed';
  const there = found.map((one) => `pg_dump ${one.major} in ${one.directory}`).join(', ');
  return new ClaireError('backup_tools_missing', {
    found: there === '' ? `There is none in ${where}. ${why}` : `There is ${there}. ${why}`,
    details: { found: found.map(({ major, directory }) => ({ major, directory })) },
  });
}

async function dumpToolsIn(directory: string | undefined): Promise<DumpTools[]> {
  const directories = directory === undefined ? await usualDirectories() : [directory];
  const found = await Promise.all([...new Set(directories)].map(toolsIn));
  return found.filter((one) => one !== undefined);
}

async function toolsIn(directory: string): Promise<DumpTools | undefined> {
  const [pgDump, pgRestore] = [join(directory, `pg_dump${EXE}`), join(directory, `pg_restore${EXE}`)];
  const versions = await Promise.all([pgDump, pgRestore].map((program) => run(program, ['--version'])));
  const [dump, restore] = versions.map(({ ok, text }) =>
    ok ? /\(PostgreSQL\) (\d+)/.exec(text)?.[1] : undefined,
  );
  return dump && dump === restore ? { major: Number(dump), directory, pgDump, pgRestore } : undefined;
}

/** `*` stands for the names that are there. Before PATH, where Debian has a wrapper that chooses for itself. */
const USUAL: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  linux: ['/usr/lib/postgresql/*/bin', '/usr/pgsql-*/bin', '/usr/local/pgsql/bin'],
  darwin: [
    '/opt/homebrew/opt/libpq/bin',
    '/opt/homebrew/opt/postgresql@*/bin',
    '/usr/local/opt/libpq/bin',
    '/usr/local/opt/postgresql@*/bin',
    '/Applications/Postgres.app/Contents/Versions/*/bin',
  ],
  win32: ['C:\\Program Files\\PostgreSQL\\*\\bin'],
};

async function usualDirectories(): Promise<string[]> {
  const places = await Promise.all((USUAL[process.platform] ?? []).map(expanded));
  return [...places.flat(), ...programDirectories()];
}

async function expanded(pattern: string): Promise<string[]> {
  const [, parent, prefix, rest] = /^(.*[/\\])([^/\\*]*)\*(.*)$/.exec(pattern) ?? [];
  if (parent === undefined) return [pattern];
  const names = await readdir(parent).catch(() => []);
  return names.filter((name) => name.startsWith(prefix!)).map((name) => `${parent}${name}${rest}`);
}
