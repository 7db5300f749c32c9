import { createHash } from 'node:crypto';
import { LOGIN_ROLES, type LoginRole, roleName } from './role-names.js';

const LONGEST = 63;

/**
 * The name of a login's second one, which lets two passwords be valid while clients change from one to the other:
 * `signal_engine_2`, of the book demo `signal_engine_2_demo`. No book begins with a digit, so it is no other book's role.
 */
export function secondName(role: LoginRole, book: string): string {
  const plain = `${role}_2${roleName(role, book).slice(role.length)}`;
  if (plain.length <= LONGEST) return plain;
  const hash = createHash('sha256').update(book).digest('hex').slice(0, 8);
  return `${role}_2__${book.slice(0, LONGEST - role.length - 5 - hash.length)}_${hash}`;
}

/** Every name under which a client of a book may log in. */
export const loginNames = (book: string): string[] =>
  LOGIN_ROLES.flatMap((role) => [roleName(role, book), secondName(role, book)]);
