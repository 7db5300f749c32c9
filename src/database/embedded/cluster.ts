import { appendFile, chmod, chown, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClaireError } from '../../errors/index.js';
import { scramVerifier } from '../scram.js';
import type { Programs } from './build.js';
import { errnoOf, readIfThere, replaceFile, temporaryName } from './files.js';
import type { Passwords } from './logins.js';
import { fingerprint } from './passwords.js';
import { type Account, type Outcome, run } from './programs.js';

/** Appended to postgresql.conf, where the last line of a name wins; ALTER SYSTEM still overrides it. */
const SETTINGS = `
# Claire: the same results on every machine.
timezone = 'UTC'
log_timezone = 'UTC'
password_encryption = 'scram-sha-256'
# The server's own default. With our segments of 1 MB it would be 64 MB, and a bulk load a checkpoint after another.
max_wal_size = '1GB'
# No disk under it turns any more. With 4 the planner sorts what an index gives in order.
random_page_cost = 1.1
# Slow statements stand in the log, what they were given never does: prices and ids are the client's own.
log_min_duration_statement = '250ms'
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
# How much of a statement's time goes to the disk.
track_io_timing = on
`;

/** Of the library that counts statements: those of clients and no BEGIN, and no more texts than are looked at. */
const STATISTICS = `
pg_stat_statements.track_utility = off
pg_stat_statements.max = 2000
`;

/** For programs that have the library to load, where one is found. */
const settingsFor = ({ preload }: Programs): string =>
  SETTINGS + (preload === undefined ? '' : `shared_preload_libraries = '${preload}'\n${STATISTICS}`);

/**
 * What the cluster was last given, kept inside it: it travels with a copy or a restored backup, whose passwords
 * need not be those of the data directory.
 */
export interface Marker {
  superuser?: string;
  bootstrap?: string;
}

export const readMarker = async (cluster: string): Promise<Marker> =>
  JSON.parse((await readIfThere(join(cluster, 'claire.json'))) ?? '{}');

export async function writeMarker(cluster: string, account: Account, marker: Marker): Promise<void> {
  const path = join(cluster, 'claire.json');
  await replaceFile(path, `${JSON.stringify(marker)}\n`, 0o600);
  // A base backup reads every file in here, under the server's account.
  if (account) await chown(path, account.uid, account.gid);
}

/** Makes the cluster unless it is there: beside its place, then renamed, so that no kill leaves half of one. */
export async function createCluster(
  cluster: string,
  programs: Programs,
  passwords: Passwords,
): Promise<void> {
  const { account } = programs;
  const staging = temporaryName(cluster);
  const fresh = join(staging, 'cluster');
  const passwordFile = join(staging, 'password');
  try {
    await mkdir(staging, { mode: 0o700 });
    // The verifier, not the password: PostgreSQL stores it as it is.
    await writeFile(passwordFile, `${scramVerifier(passwords.postgres)}\n`, { mode: 0o600 });
    if (account) {
      await chown(passwordFile, account.uid, account.gid);
      await chown(staging, account.uid, account.gid);
    }
    const made = await run(programs.path('initdb'), initdbArguments(fresh, passwordFile, programs.major), {
      account,
      environment: programs.environment,
    });
    if (!made.ok) {
      throw new ClaireError('embedded_start_failed', { found: `initdb: ${lastLines(made.text)}` });
    }
    await appendFile(join(fresh, 'postgresql.conf'), settingsFor(programs));
    await writeMarker(fresh, account, { superuser: fingerprint(passwords.postgres) });
    await putInPlace(fresh, cluster);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/**
 * Gives a cluster at rest the settings of ours that its file does not name: an earlier release made it, or it came from
 * elsewhere. What the file names stays as it is, so that whoever edited it is not overruled.
 */
export async function completeSettings(cluster: string, programs: Programs): Promise<void> {
  const path = join(cluster, 'postgresql.conf');
  const text = await readIfThere(path);
  // Without one it does not start, and says so better than we could.
  if (text === undefined) return;
  const isNamed = (line: string) => new RegExp(`^\\s*${line.split(' ')[0]}\\b`, 'm').test(text);
  const missing = settingsFor(programs)
    .split('\n')
    .filter((line) => /^[a-z]/.test(line) && !isNamed(line));
  if (missing.length > 0)
    await appendFile(path, `\n# Claire, since a later release:\n${missing.join('\n')}\n`);
}

function initdbArguments(directory: string, passwordFile: string, major: number): string[] {
  // The builtin provider sorts the same on every machine; below 17 only the C locale does.
  const locale =
    major >= 17 ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'] : ['--no-locale'];
  return [
    ...['-D', directory, '-U', 'postgres', '-E', 'UTF8', ...locale],
    ...['--auth=scram-sha-256', `--pwfile=${passwordFile}`, '--wal-segsize=1', '--data-checksums'],
  ];
}

/** rename() replaces an empty directory and refuses a full one: then another first start was quicker. */
async function putInPlace(fresh: string, cluster: string): Promise<void> {
  try {
    await rename(fresh, cluster);
  } catch (error) {
    const isTaken = ['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(errnoOf(error) ?? '');
    if (!isTaken || (await readIfThere(join(cluster, 'PG_VERSION'))) === undefined) throw error;
  }
  if (process.platform !== 'win32') await chmod(cluster, 0o700);
}

/**
 * Gives the superuser of a cluster at rest the password of the data directory: pgpass was lost, or the cluster
 * came from a backup. Fails where another process has the cluster now. `ask` is a query of one line, whose answer stands in
 * the text.
 */
export async function resetSuperuser(
  cluster: string,
  programs: Programs,
  passwords: Passwords,
  environment: Record<string, string>,
  more: { settings?: Readonly<Record<string, string>>; ask?: string } = {},
): Promise<Outcome> {
  const { account } = programs;
  const statements = [
    `alter role postgres with login superuser password '${scramVerifier(passwords.postgres)}'`,
    ...(more.ask === undefined ? [] : [more.ask]),
  ];
  const settings = Object.entries({ ...more.settings, exit_on_error: 'on' }).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ]);
  const done = await run(programs.path('postgres'), ['--single', '-D', cluster, ...settings, 'postgres'], {
    account,
    environment: { ...programs.environment, ...environment },
    // In single-user mode a line is a statement.
    input: statements.map((statement) => `${statement}\n`).join(''),
  });
  if (done.ok) await writeMarker(cluster, account, { superuser: fingerprint(passwords.postgres) });
  return done;
}

/** Who may connect to a cluster whose own list counts for nothing here. */
const ACCESS = 'host all all 127.0.0.1/32 scram-sha-256\n';

/**
 * Gives a cluster that came from elsewhere our configuration. What it was given with ALTER SYSTEM goes, too: memory and
 * libraries of another machine.
 */
export async function configureCluster(cluster: string, account: Account): Promise<void> {
  const files = {
    // Prepared transactions that were open need their places.
    'postgresql.conf': `${SETTINGS}max_prepared_transactions = 64\n`,
    'postgresql.auto.conf': '',
    'pg_hba.conf': ACCESS,
    'pg_ident.conf': '',
  };
  for (const [name, text] of Object.entries(files)) {
    const path = join(cluster, name);
    await replaceFile(path, text, 0o600);
    if (account) await chown(path, account.uid, account.gid);
  }
}

export const lastLines = (text: string): string => text.trim().split('\n').slice(-12).join('\n');
