import { LOGINS, type Login } from '../database/embedded/index.js';
import { redact } from '../database/index.js';
import { list } from './print.js';
import type { Place } from './session.js';

/** Connection string by login, as a service would be given it. */
export type Connections = Partial<Record<Login | 'database_url', string>>;

/** The strings name the file with the passwords instead of holding them, unless secrets were asked for. */
export function connectionsOf({ server, url }: Place, book: string, showSecrets: boolean): Connections {
  if (!server)
    return { database_url: withBook(showSecrets ? url('postgres') : redact(url('postgres')), book) };
  return Object.fromEntries(
    // The superuser comes last: it is not for services.
    [...LOGINS.filter((login) => login !== 'postgres'), 'postgres' as const].map((login) => [
      login,
      withBook(server.url(login, { showSecrets }), book),
    ]),
  );
}

export const connectionsText = (connections: Connections): string => list(Object.entries(connections));

/** Logins find `main` by themselves; another book goes into the search path. */
function withBook(url: string, book: string): string {
  if (book === 'main') return url;
  return `${url}${url.includes('?') ? '&' : '?'}options=-csearch_path%3D${book}`;
}
