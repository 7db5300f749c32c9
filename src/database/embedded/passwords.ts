import { createHash, randomBytes } from 'node:crypto';
import { chmod, stat } from 'node:fs/promises';
import { createFile, readIfThere, replaceFile } from './files.js';
import { LOGINS, type Login, type Passwords } from './logins.js';

/** Both names, because libpq compares the text of the host. */
const HOSTS = ['127.0.0.1', 'localhost'] as const;

const isOurs = (host: string | undefined, login: string | undefined): boolean =>
  HOSTS.some((name) => name === host) && LOGINS.some((name) => name === login);

interface Passfile {
  port: number | undefined;
  passwords: Partial<Record<Login, string>>;
  /** Lines of the user's own. */
  others: string[];
}

function parse(text: string): Passfile {
  const file: Passfile = { port: undefined, passwords: {}, others: [] };
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [host, port, , login, password] = line.split(':');
    if (isOurs(host, login) && password) {
      file.passwords[login as Login] = password;
      file.port = Number(port);
    } else file.others.push(line);
  }
  return file;
}

function format(passwords: Passwords, port: number, others: readonly string[]): string {
  const lines = LOGINS.flatMap((login) =>
    HOSTS.map((host) => `${host}:${port}:*:${login}:${passwords[login]}`),
  );
  return `${[...lines, ...others].join('\n')}\n`;
}

const complete = (known: Partial<Record<Login, string>>): Passwords =>
  Object.fromEntries(
    LOGINS.map((login) => [login, known[login] ?? randomBytes(24).toString('base64url')]),
  ) as Record<Login, string>;

/** The passwords of a directory that has them, else undefined. */
export async function readPasswords(path: string): Promise<Passwords | undefined> {
  const { passwords } = parse((await readIfThere(path)) ?? '');
  return LOGINS.every((login) => passwords[login] !== undefined) ? (passwords as Passwords) : undefined;
}

/**
 * Makes the pgpass file say what is so: a password for every login, kept where there is one, and this port.
 * Written before the cluster is made: a cluster whose passwords nobody knows is lost.
 */
export async function ensurePasswords(path: string, port: number): Promise<Passwords> {
  const text = await readIfThere(path);
  if (text === undefined) {
    const passwords = complete({});
    if (await createFile(path, format(passwords, port, []), 0o600)) return passwords;
    return ensurePasswords(path, port);
  }
  const known = parse(text);
  const passwords = complete(known.passwords);
  const wanted = format(passwords, port, known.others);
  if (wanted !== text) await replaceFile(path, wanted, 0o600);
  // libpq ignores a file that others can read.
  else if (process.platform !== 'win32' && (await stat(path)).mode & 0o077) await chmod(path, 0o600);
  return passwords;
}

/** Tells whether passwords are the same as before; made of random passwords, it gives nothing away. */
export const fingerprint = (...parts: string[]): string =>
  createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 32);
