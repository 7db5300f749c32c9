import { resolve } from 'node:path';
import type { KeepPasswords } from '../database/embedded/index.js';
import { changePassfile, type PassfileLine, readPassfile } from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import type { Place } from './session.js';

/** Where the passwords of roles are kept, and how a client is told of one. */
export interface Credentials {
  passfile: string;
  /** By the name of the role. */
  passwords(): Promise<Readonly<Record<string, string>>>;
  /** Works while nobody else changes the file. */
  change<T>(work: (keep: KeepPasswords) => Promise<T>): Promise<T>;
  /** Connection string of a role; it names the file, or holds the password that is given. */
  url(role: string, password?: string): string;
}

/** The pgpass of the embedded server; for a server that was named a file of our own. */
export function credentialsOf(place: Place, passfile: string): Credentials {
  const { server } = place;
  if (server) {
    return {
      passfile: server.passfile,
      passwords: () => server.passwords(),
      change: (work) => server.changePasswords(work),
      url: (role, password) => roleUrl(place.url('postgres'), role, server.passfile, password),
    };
  }
  const path = resolve(passfile);
  const address = addressOf(place.url('postgres'));
  const isOfServer = (line: PassfileLine) =>
    Object.entries(address).every(([name, value]) => line[name as 'host'] === value);
  const keep: KeepPasswords = async (passwords) => {
    const set = Object.entries(passwords).flatMap(([role, password]) =>
      password === undefined ? [] : [{ ...address, role, password }],
    );
    const isGone = (line: PassfileLine) =>
      isOfServer(line) && line.role in passwords && passwords[line.role] === undefined;
    await asOutput(path, changePassfile(path, set, isGone));
  };
  return {
    passfile: path,
    passwords: async () => {
      const lines = (await asOutput(path, readPassfile(path))).filter(isOfServer);
      return Object.fromEntries(lines.map(({ role, password }) => [role, password]));
    },
    change: (work) =>
      // A command beside this one would write the file without our lines.
      place.database('postgres').transaction(async (t) => {
        await t.query("select pg_advisory_xact_lock(hashtextextended('claire passfile', 0))");
        return work(keep);
      }),
    url: (role, password) => roleUrl(place.url('postgres'), role, path, password),
  };
}

/** What libpq compares with a line of the file. */
function addressOf(text: string): Omit<PassfileLine, 'role' | 'password'> {
  const url = new URL(text);
  return {
    host: url.searchParams.get('host') ?? (decodeURIComponent(url.hostname) || 'localhost'),
    port: url.port || '5432',
    database: decodeURIComponent(url.pathname.slice(1)) || decodeURIComponent(url.username),
  };
}

/** The administrator's string as another role's, with everything else in it but secrets. */
function roleUrl(text: string, role: string, passfile: string, password: string | undefined): string {
  const url = new URL(text);
  url.pathname = `/${encodeURIComponent(addressOf(text).database)}`;
  url.username = encodeURIComponent(role);
  url.password = password === undefined ? '' : encodeURIComponent(password);
  for (const name of [...url.searchParams.keys()]) {
    if (/password$|^passfile$|^user$/i.test(name)) url.searchParams.delete(name);
  }
  if (password === undefined) url.searchParams.set('passfile', passfile);
  // libpq does not read + as a blank.
  url.search = url.search.replaceAll('+', '%20');
  return url.href;
}

const asOutput = <T>(path: string, work: Promise<T>): Promise<T> =>
  work.catch((error: NodeJS.ErrnoException) => {
    throw new ClaireError('output_failed', { found: `${path}: ${error.code}.`, cause: error });
  });
