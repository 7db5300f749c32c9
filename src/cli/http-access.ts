import { setting } from '../config.js';
import { type Database, type LoginRole, roleName } from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import type { ApiOptions, Pools, RateOptions } from '../http/index.js';
import { findToken } from '../operations/index.js';
import type { BookState } from '../schema/index.js';
import type { Invocation } from './command.js';
import type { Place } from './session.js';

/** Who may ask over HTTP, for what, and how often. */
export function accessOf(
  { options }: Invocation,
  book: string,
  pools: Pools,
  books: () => Promise<BookState[]>,
): ApiOptions {
  const ownOrigin = setting('http_origin', options.httpOrigin as string | undefined);
  return {
    book,
    isOpen: options.open === true,
    findToken: async (of, bearer) => findToken(await pools.lookup(of), of, bearer),
    hasBook: async (name) => (await books()).some((each) => each.book === name),
    origins: originsGiven(setting('cors', options.cors as string | undefined)),
    ...(ownOrigin === undefined ? {} : { ownOrigin: originOf('--http-origin', ownOrigin) }),
    rate: rateGiven(setting('http_rate', options.httpRate as string | undefined)!),
  };
}

/** @throws ClaireError usage_invalid */
function originsGiven(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter(Boolean)
    .map((each) => originOf('--cors', each));
}

/** @throws ClaireError usage_invalid */
function originOf(option: string, text: string): string {
  if (/^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text) return text;
  const found = `${option} is an origin like https://desk.example, not ${JSON.stringify(text)}.`;
  throw new ClaireError('usage_invalid', { found });
}

/** @throws ClaireError usage_invalid */
function rateGiven(text: string): RateOptions {
  const perSecond = Number(text);
  if (Number.isInteger(perSecond) && perSecond > 0) return { perSecond, burst: 2 * perSecond };
  throw new ClaireError('usage_invalid', { found: `--http-rate is a whole number above 0, not ${text}.` });
}

/** What a login of a server that was named can be, for requests of a role. */
interface Standing {
  login: string;
  /** Roles are of the whole server: this one may be that of a book of the same name in another database. */
  is_there: boolean;
  is_member: boolean;
  /** The role reaches the book. */
  role_reads: boolean;
  login_reads: boolean;
}

const STANDING = `
  select session_user::text as login, r.oid is not null as is_there,
    coalesce(pg_has_role(session_user, r.oid, 'member'), false) as is_member,
    coalesce(has_schema_privilege(r.oid, n.oid, 'usage'), false) as role_reads,
    coalesce(has_schema_privilege(session_user, n.oid, 'usage'), false) as login_reads
  from (select) as one
  left join pg_roles as r on r.rolname = $1
  left join pg_namespace as n on n.nspname = $2`;

/**
 * The connection string of requests of a role. On a server that was named there is one login: it takes the role, which
 * it must be or have. Where it cannot, it reads as itself what it can, and may not write.
 * @throws ClaireError right_missing
 */
export async function urlOfRole(
  place: Pick<Place, 'server' | 'url'>,
  database: Database,
  role: LoginRole,
  book: string,
): Promise<string> {
  if (place.server) return place.url(role, book);
  const name = roleName(role, book);
  const [standing] = await database.query<Standing>(STANDING, [name, book]);
  const { login, is_there, is_member, role_reads, login_reads } = standing!;
  if (is_member && role_reads) return withOption(place.url(role), `role=${name}`);
  if (role === 'claire_reader' && login_reads) {
    return withOption(place.url(role), 'default_transaction_read_only=on');
  }
  const found = !is_there
    ? `There is no role ${name}.`
    : is_member
      ? `The role ${name} has no rights in book ${book}.`
      : `${login} is not ${name}, and not in it.`;
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
