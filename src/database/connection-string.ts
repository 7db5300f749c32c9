import { readFile, stat } from 'node:fs/promises';
import type { ClientConfig } from 'pg';
import { parseIntoClientConfig } from 'pg-connection-string';
import { setting } from '../config.js';
import { ClaireError } from '../errors/index.js';

/** What the driver is told of a server. */
export type ServerAddress = Omit<ClientConfig, 'password'> & { password?: string | (() => Promise<string>) };

/**
 * Reads a connection string as libpq does where the driver does not: `passfile=FILE` names the password file, so the
 * string itself carries no secret.
 * @throws ClaireError database_url_invalid
 */
export function parseDatabaseUrl(text: string): ServerAddress {
  const url = toUrl(text);
  const passfile = url.searchParams.get('passfile') ?? setting('passfile');
  url.searchParams.delete('passfile');
  // The driver lets a connection string override what stands beside it, the password too: it gets the parts.
  const address = parseIntoClientConfig(url.href) as ServerAddress;
  if (url.password !== '') return address;
  const wanted = [
    decodeURIComponent(url.hostname) || 'localhost',
    url.port || '5432',
    decodeURIComponent(url.pathname.slice(1)) || decodeURIComponent(url.username),
    decodeURIComponent(url.username),
  ];
  return { ...address, password: () => passwordFrom(passfile, wanted) };
}

/** The connection string without its password, for people and logs. */
export function redact(text: string): string {
  const url = toUrl(text);
  if (url.password !== '') url.password = '***';
  for (const name of url.searchParams.keys()) {
    if (/password$/i.test(name)) url.searchParams.set(name, '***');
  }
  return url.href;
}

/** The connection string with another database in it. */
export function withDatabase(text: string, database: string): string {
  const url = toUrl(text);
  url.pathname = `/${encodeURIComponent(database)}`;
  return url.href;
}

function toUrl(text: string): URL {
  // The text itself may hold a password, so it is never quoted in the error.
  if (!URL.canParse(text)) throw new ClaireError('database_url_invalid', { found: 'It is not a URL.' });
  const url = new URL(text);
  if (url.protocol !== 'postgresql:' && url.protocol !== 'postgres:') {
    throw new ClaireError('database_url_invalid', { found: `It begins with ${url.protocol}//.` });
  }
  return url;
}

/** Asked for only where the server wants a password. */
async function passwordFrom(file: string | undefined, wanted: string[]): Promise<string> {
  if (!file) throw new ClaireError('login_refused', { found: 'It wants a password, and none was given.' });
  let text: string;
  try {
    if (process.platform !== 'win32' && ((await stat(file)).mode & 0o077) !== 0) {
      throw new ClaireError('login_refused', { found: `${file} may be read by others: chmod 600 it.` });
    }
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof ClaireError) throw error;
    throw new ClaireError('login_refused', { found: `The passfile ${file} cannot be read.`, cause: error });
  }
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('#')) continue;
    const fields = (line.match(/(?:\\.|[^:\\])+/g) ?? []).map((field) => field.replace(/\\(.)/g, '$1'));
    const password = fields[4];
    if (password !== undefined && wanted.every((value, at) => fields[at] === '*' || fields[at] === value)) {
      return password;
    }
  }
  throw new ClaireError('login_refused', { found: `${file} has no line for ${wanted.join(':')}.` });
}
