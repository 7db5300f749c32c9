import { createHash } from 'node:crypto';

/** The roles of a book. The owner never logs in: it owns the schema and every object of Claire's in it. */
export const OWNER = 'claire_owner';

/** Those that log in: a login for each service, for reading, for the upkeep, the seed's shared one, a person's. */
export const LOGIN_ROLES = [
  'signal_engine',
  'risk_manager',
  'execution_service',
  'claire_reader',
  'claire_upkeep',
  'claire',
  'claire_operator',
] as const;

export const ROLES = [OWNER, ...LOGIN_ROLES] as const;

export type Role = (typeof ROLES)[number];
export type LoginRole = (typeof LOGIN_ROLES)[number];

/** Longer names would be cut by the server, two of them to the same. */
const LONGEST = 63;

/**
 * The name of a book's role: the seed's in the book `main`, in others `signal_engine_demo`. The second `_` marks the two
 * kinds of name that are made otherwise, because no book begins with it: `claire` of a book `owner_x` would be the owner
 * of the book `x`, and one that is too long is cut and gets a hash of the whole.
 */
export function roleName(role: Role, book: string): string {
  if (book === 'main') return role;
  const plain = `${role}_${book}`;
  const longer = ROLES.filter((other) => other.startsWith(`${role}_`));
  if (longer.some((other) => `${plain}_`.startsWith(`${other}_`))) return `${role}__${book}`;
  if (plain.length <= LONGEST) return plain;
  const hash = createHash('sha256').update(book).digest('hex').slice(0, 8);
  return `${role}__${book.slice(0, LONGEST - role.length - 3 - hash.length)}_${hash}`;
}

/** Which role of a book a name is; undefined where it is none of them. */
export const roleOf = (name: string, book: string): Role | undefined =>
  ROLES.find((role) => roleName(role, book) === name);
