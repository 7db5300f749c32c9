import { ClaireError, fromPostgres } from '../../errors/index.js';
import { type LoginRole, roleName } from '../role-names.js';
import { alone } from './alone.js';
import { dropUnwantedLog, spoolOf, systemIdentifierOf, wantLog } from './archiving.js';
import { findBuild, preparePrograms } from './build.js';
import { asUnusable, type Layout, type Place } from './directory.js';
import { DATABASE, HOST, type Login, type Passwords, SUPERUSER } from './logins.js';
import { completed, readPasswords, rewritePasswords } from './passwords.js';
import { run } from './programs.js';
import { inspect } from './running.js';

export interface UrlOptions {
  /** Book whose login it is, where it is not `main`. */
  book?: string;
  /** The string holds the password instead of naming the file. */
  showSecrets?: boolean;
}

export type KeepPasswords = (passwords: Readonly<Record<string, string | undefined>>) => Promise<void>;

/** A running embedded server. */
export interface EmbeddedServer {
  readonly dataDir: string;
  readonly port: number;
  /** Major version of PostgreSQL. */
  readonly major: number;
  readonly host: typeof HOST;
  readonly database: typeof DATABASE;
  /** True when the server was already running when we came. */
  readonly found: boolean;
  /** File in the format of libpq's pgpass, mode 0600. */
  readonly passfile: string;
  /** Where the server puts its log where it archives; what lies there is to be taken away. */
  readonly spool: string;
  /** From now on what lies there is kept until it is taken: to be called before a physical backup. */
  keepLog(): Promise<void>;
  /** What tells this cluster and its copies from every other one. */
  systemIdentifier(): Promise<string>;
  /** The password of a role as this process last read it. */
  password(role: string): string;
  /** Connection string of libpq, of the login of a book. */
  url(login: Login, options?: UrlOptions): string;
  /** As the file has them now, by role. */
  passwords(): Promise<Readonly<Record<string, string>>>;
  /** Makes a password for each of these roles that has none, in the file too. Gives the passwords of these roles. */
  ensurePasswords(roles: readonly string[]): Promise<Record<string, string>>;
  /**
   * Works while nobody else changes the file; `keep` puts passwords into it at once, and undefined takes a line away.
   */
  changePasswords<T>(work: (keep: KeepPasswords) => Promise<T>): Promise<T>;
  /** Fast shutdown, ended when this resolves; also where the server has ended before. Refuses with `embedded_stop_failed`. */
  stop(): Promise<void>;
}

interface HandleParts {
  layout: Layout;
  place: Place;
  port: number;
  major: number;
  passwords: Passwords;
  isFound: boolean;
  binaries?: string | undefined;
}

export function serverHandle(parts: HandleParts): EmbeddedServer {
  const { layout, port, major } = parts;
  let known = parts.passwords;
  const password = (role: string): string => {
    const found = known[role];
    if (found !== undefined) return found;
    throw new ClaireError('login_refused', { found: `${layout.passfile} has no line for ${role}.` });
  };
  /** The superuser's is never lost: where the file is gone, it is made again from what is known. */
  const rewrite = async (change: (now: Passwords) => Passwords): Promise<void> => {
    const { postgres } = known;
    known = await rewritePasswords(layout.passfile, port, (now) => change({ postgres, ...now }));
  };
  const whileAlone = <T>(work: () => Promise<T>): Promise<T> =>
    alone({ port, password: known.postgres }, work).catch((error: unknown) => {
      const ofFiles = asUnusable(error);
      throw ofFiles === error ? fromPostgres(error) : ofFiles;
    });
  const address = `${HOST}:${port}/${DATABASE}`;
  return {
    dataDir: layout.dataDir,
    port,
    major,
    host: HOST,
    database: DATABASE,
    found: parts.isFound,
    passfile: layout.passfile,
    spool: spoolOf(parts.place),
    keepLog: () => wantLog(parts.place),
    systemIdentifier: () => systemIdentifierOf(parts.place),
    password,
    url(login, { book = 'main', showSecrets } = {}) {
      const role = login === SUPERUSER ? login : roleName(login satisfies LoginRole, book);
      return showSecrets
        ? `postgresql://${role}:${password(role)}@${address}`
        : `postgresql://${role}@${address}?passfile=${encodeURIComponent(layout.passfile)}`;
    },
    async passwords() {
      known = (await readPasswords(layout.passfile)) ?? known;
      return known;
    },
    async ensurePasswords(roles) {
      await whileAlone(() => rewrite((now) => completed(now, roles)));
      return Object.fromEntries(roles.map((role) => [role, password(role)]));
    },
    changePasswords: (work) =>
      whileAlone(() => work((passwords) => rewrite((now) => without({ ...now, ...passwords })))),
    async stop() {
      await stop({ ...parts, passwords: known });
      await dropUnwantedLog(spoolOf(parts.place));
    },
  };
}

const without = (passwords: Readonly<Record<string, string | undefined>>): Passwords =>
  Object.fromEntries(Object.entries(passwords).filter(([, each]) => each !== undefined)) as Passwords;
async function stop({ layout, place, passwords, binaries }: HandleParts): Promise<void> {
  const { cluster, account } = place;
  // The passwords of the handle: the pgpass file may be gone by now.
  const isGone = async () => (await inspect(cluster, layout.passfile, passwords)).state === 'none';
  // pg_ctl signals whatever process the pid file names: only a server of this cluster may get that far.
  if (await isGone()) return;
  const programs = await preparePrograms(await findBuild(binaries), account);
  const stopped = await run(
    programs.path('pg_ctl'),
    ['stop', '-D', cluster, '-m', 'fast', '-w', '-t', '60'],
    {
      account,
      environment: programs.environment,
    },
  );
  if (stopped.ok || (await isGone())) return;
  throw new ClaireError('embedded_stop_failed', { found: stopped.text });
}
