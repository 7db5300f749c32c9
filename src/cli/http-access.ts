import { setting } from '../config.js';
import { type Database, type LoginRole, roleName } from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import type { ApiOptions, RateOptions } from '../http/index.js';
import { findToken } from '../operations/index.js';
import { type BookState, listBooks } from '../schema/index.js';
import type { Invocation } from './command.js';
import type { Place } from './session.js';

/** Books are made and dropped beside `up`; a request more or less may meet an older list. */
const BOOKS_MS = 2000;

/** The books that there are, asked for again when that was a while ago. */
export function booksKept(database: Database, isServed: (book: string) => boolean) {
  let known: { books: Promise<BookState[]>; until: number } | undefined;
  return async (): Promise<BookState[]> => {
    if (!known || known.until < performance.now()) {
      known = { books: listBooks(database), until: performance.now() + BOOKS_MS };
      known.books.catch(() => {
        known = undefined;
      });
    }
    return (await known.books).filter((each) => isServed(each.book));
  };
}

/** Who may ask over HTTP, for what, and how often. */
export function accessOf(
  { options }: Invocation,
  book: string,
  reader: (book: string) => Promise<Database>,
  books: () => Promise<BookState[]>,
): ApiOptions {
  return {
    book,
    isOpen: options.open === true,
    findToken: async (of, bearer) => findToken(await reader(of), of, bearer),
    async requireBook(name) {
      if ((await books()).some((each) => each.book === name)) return;
      throw new ClaireError('book_missing', { found: `There is no book ${name} here.` });
    },
    origins: originsGiven(setting('cors', options.cors as string | undefined)),
    rate: rateGiven(setting('http_rate', options.httpRate as string | undefined)!),
  };
}

/** @throws ClaireError usage_invalid */
function originsGiven(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter(Boolean)
    .map((each) => {
      if (URL.canParse(each) && new URL(each).origin === each) return each;
      const found = `--cors is an origin like https://desk.example, not ${JSON.stringify(each)}.`;
      throw new ClaireError('usage_invalid', { found });
    });
}

/** @throws ClaireError usage_invalid */
function rateGiven(text: string): RateOptions {
  const perSecond = Number(text);
  if (Number.isInteger(perSecond) && perSecond > 0) return { perSecond, burst: 2 * perSecond };
  throw new ClaireError('usage_invalid', { found: `--http-rate is a whole number above 0, not ${text}.` });
}

/**
 * The connection string of requests of a role. On a server that was named there is one login: it takes the role, which
 * it must be or have; where there are no roles at all it reads, and may not write.
 * @throws ClaireError right_missing
 */
export async function urlOfRole(
  place: Place,
  database: Database,
  role: LoginRole,
  book: string,
): Promise<string> {
  if (place.server) return place.url(role, book);
  const name = roleName(role, book);
  const [login] = await database.query<{ login: string; has: boolean | null }>(
    `select session_user::text as login,
       (select pg_has_role(session_user, oid, 'member') from pg_roles where rolname = $1) as has`,
    [name],
  );
  const { login: mine, has } = login!;
  if (has) return withOption(place.url(role), `role=${name}`);
  if (has === null && role === 'claire_reader') {
    return withOption(place.url(role), 'default_transaction_read_only=on');
  }
  const found = has === null ? `There is no role ${name}.` : `${mine} is not ${name}, and not in it.`;
  throw new ClaireError('right_missing', { found });
}

function withOption(url: string, option: string): string {
  const [path, query = ''] = url.split('?') as [string, string?];
  const parameters = new URLSearchParams(query);
  const given = parameters.get('options');
  parameters.set('options', `${given === null ? '' : `${given} `}-c ${option}`);
  // Not by the class: to libpq a + is no space.
  return `${path}?${parameters.toString().replaceAll('+', '%20')}`;
}
