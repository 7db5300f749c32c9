import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setting, systemDirectories } from '../config.js';
import { ClaireError } from '../errors/index.js';
import { isSocket } from './connection-parameters.js';
import { type PassfileLine, parsePassfileLine } from './passfile.js';

/** What the driver connects to, its own choices included. */
export interface Asked {
  host?: string;
  port?: number;
  database?: string;
  user?: string;
}

/** Where sockets lie unless somebody chose: as PostgreSQL has it, and as Debian and Red Hat have it. */
const SOCKET_DIRECTORIES = ['/tmp', '/var/run/postgresql', '/run/postgresql'];

/** The password of the passfile, as libpq finds it. Asked for only where the server wants a password. */
export async function passwordFor(named: string | undefined, asked: Asked = {}): Promise<string> {
  const file = named ?? setting('passfile');
  const lines = file === undefined ? await linesAtHome() : await linesOf(file);
  if (!lines) throw new ClaireError('login_refused', { found: 'It wants a password, and none was given.' });
  const { host = 'localhost', port = 5432, user = '', database = user } = asked;
  // Of which directory is the usual one only libpq's makers know: there both names are good.
  const hosts = SOCKET_DIRECTORIES.includes(host) ? ['localhost', host] : [host];
  const fits = (field: string, ...wanted: string[]) => field === '*' || wanted.includes(field);
  const found = lines.find(
    (line) =>
      fits(line.host, ...hosts) &&
      fits(line.port, String(port)) &&
      fits(line.database, database) &&
      fits(line.role, user),
  );
  if (found) return found.password;
  const wanted = [isSocket(host) ? hosts[0] : host, port, database, user].join(':');
  throw new ClaireError('login_refused', { found: `${file ?? '~/.pgpass'} has no line for ${wanted}.` });
}

/** Undefined where there is none: nobody was told to have one. */
async function linesAtHome(): Promise<PassfileLine[] | undefined> {
  const { home } = systemDirectories();
  const file = home === undefined ? undefined : join(home, '.pgpass');
  const there =
    file !== undefined &&
    (await stat(file).then(
      (found) => found.isFile(),
      () => false,
    ));
  return there ? linesOf(file) : undefined;
}

async function linesOf(file: string): Promise<PassfileLine[]> {
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
  return text
    .split(/\r?\n/)
    .map(parsePassfileLine)
    .filter((line) => line !== undefined);
}
