import { LOGINS, type Login, SUPERUSER } from '../database/embedded/index.js';
import { redact } from '../database/index.js';
import { list } from './print.js';
import type { Place } from './session.js';

/** Connection string by login, as a service would be given it. */
export type Connections = Partial<Record<Login | 'database_url', string>>;

/** The strings name the file with the passwords instead of holding them, unless secrets were asked for. */
export function connectionsOf({ server, url }: Place, book: string, showSecrets: boolean): Connections {
  if (!server)
    return { database_url: withBook(showSecrets ? url('postgres') : redact(url('postgres')), book) };
  const services = LOGINS.filter((login) => login !== SUPERUSER);
  return {
    ...Object.fromEntries(services.map((login) => [login, server.url(login, { book, showSecrets })])),
    // The superuser comes last: it is not for services. It is of no book, so it has no search path of one.
    [SUPERUSER]: withBook(server.url(SUPERUSER, { showSecrets }), book),
  };
}

export const connectionsText = (connections: Connections): string => list(Object.entries(connections));

/** A login of Claire's finds its book by itself; for another one it goes into the search path. */
function withBook(url: string, book: string): string {
  if (book === 'main') return url;
  return `${url}${url.includes('?') ? '&' : '?'}options=-csearch_path%3D${book}`;
}
