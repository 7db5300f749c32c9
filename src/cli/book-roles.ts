import { LOGIN_ROLES, type LoginRole, loginNames, roleName } from '../database/index.js';
import { applyRoles, dropRoles } from '../schema/index.js';
import type { Place } from './session.js';

/**
 * Gives a book of the embedded server its roles, with passwords in the pgpass file. On a server that was named it is the
 * administrator who says so, with `claire roles apply`.
 */
export async function makeRoles(place: Place, book: string): Promise<void> {
  if (!place.server) return;
  const names = LOGIN_ROLES.map((role) => roleName(role, book));
  const known = await place.server.ensurePasswords(names);
  const passwords = Object.fromEntries(
    LOGIN_ROLES.map((role) => [role, known[roleName(role, book)]]),
  ) as Record<LoginRole, string>;
  await applyRoles(place.database('postgres'), book, { passwords });
}

/** Takes the roles of a book that was dropped from the embedded server, and their lines from the pgpass file. */
export async function takeRoles(place: Place, book: string): Promise<void> {
  // Those of `main` are the server's: they stay for the next one.
  if (!place.server || book === 'main') return;
  const { left } = await dropRoles(place.database('postgres'), book);
  const names = loginNames(book).filter((name) => !left.some((each) => each.name === name));
  await place.server.setPasswords(Object.fromEntries(names.map((name) => [name, undefined])));
}
