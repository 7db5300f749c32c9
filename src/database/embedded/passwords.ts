import { createHash, randomBytes } from 'node:crypto';
import { chmod, stat } from 'node:fs/promises';
import { formatPassfileLine, parsePassfileLine } from '../passfile.js';
import { LOGIN_ROLES } from '../role-names.js';
import { createFile, readIfThere, replaceFile } from './files.js';
import { LOGINS, type Passwords, SUPERUSER } from './logins.js';

/** Both names, because libpq compares the text of the host. */
const HOSTS = ['127.0.0.1', 'localhost'] as const;

/** Roles of books that this start has not heard of are ours too: they bear the name of a login and what follows it. */
const isOurs = (host: string, role: string): boolean =>
  HOSTS.some((name) => name === host) &&
  (role === SUPERUSER || LOGIN_ROLES.some((login) => role === login || role.startsWith(`${login}_`)));

interface Passfile {
  passwords: Record<string, string>;
  /** Lines of the user's own. */
  others: string[];
}

function parse(text: string): Passfile {
  const file: Passfile = { passwords: {}, others: [] };
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const found = parsePassfileLine(line);
    if (found && found.database === '*' && isOurs(found.host, found.role))
      file.passwords[found.role] = found.password;
    else file.others.push(line);
  }
  return file;
}

function format(passwords: Passwords, port: number, others: readonly string[]): string {
  const first = LOGINS.filter((login) => passwords[login] !== undefined);
  const roles = [
    ...first,
    ...Object.keys(passwords)
      .filter((role) => !LOGINS.some((login) => login === role))
      .sort(),
  ];
  const lines = roles.flatMap((role) =>
    HOSTS.map((host) =>
      formatPassfileLine({ host, port: String(port), database: '*', role, password: passwords[role]! }),
    ),
  );
  return `${[...lines, ...others].join('\n')}\n`;
}

export const newPassword = (): string => randomBytes(24).toString('base64url');

/** As they are, and one for each of these roles that has none. */
export const completed = (known: Readonly<Record<string, string>>, roles: readonly string[]): Passwords =>
  ({
    ...known,
    ...Object.fromEntries(roles.map((role) => [role, known[role] ?? newPassword()])),
  }) as unknown as Passwords;

/** The passwords of a directory that has one for the superuser at least, else undefined. */
export async function readPasswords(path: string): Promise<Passwords | undefined> {
  const { passwords } = parse((await readIfThere(path)) ?? '');
  return passwords[SUPERUSER] === undefined ? undefined : (passwords as unknown as Passwords);
}

/**
 * The passwords for a server that does not run yet: where the superuser has none it gets one, and so do the logins of
 * `main`. Written before the cluster is made: a cluster whose passwords nobody knows is lost.
 */
export async function firstPasswords(path: string, port: number): Promise<Passwords> {
  const text = await readIfThere(path);
  if (text !== undefined) {
    return (await readPasswords(path)) ?? rewritePasswords(path, port, (known) => completed(known, LOGINS));
  }
  const passwords = completed({}, LOGINS);
  if (await createFile(path, format(passwords, port, []), 0o600)) return passwords;
  return firstPasswords(path, port);
}

/** Whether the file says all that `main` needs, with this port, and is closed to others. */
export async function isCurrent(path: string, port: number): Promise<boolean> {
  const text = await readIfThere(path);
  const known = parse(text ?? '');
  const isWhole = text === format(completed(known.passwords, LOGINS), port, known.others);
  return isWhole && isClosed(path);
}

/** libpq ignores a file that others can read. */
const isClosed = async (path: string): Promise<boolean> =>
  process.platform === 'win32' || ((await stat(path)).mode & 0o077) === 0;

/** Replaces the file at once. Who calls this is alone with it: what another writes meanwhile would be lost. */
export async function rewritePasswords(
  path: string,
  port: number,
  change: (known: Readonly<Record<string, string>>) => Passwords,
): Promise<Passwords> {
  const text = (await readIfThere(path)) ?? '';
  const known = parse(text);
  const passwords = change(known.passwords);
  const wanted = format(passwords, port, known.others);
  if (wanted !== text) await replaceFile(path, wanted, 0o600);
  else if (!(await isClosed(path))) await chmod(path, 0o600);
  return passwords;
}

/** Tells whether passwords are the same as before; made of random passwords, it gives nothing away. */
export const fingerprint = (...parts: string[]): string =>
  createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 32);
