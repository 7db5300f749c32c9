import { setTimeout as sleep } from 'node:timers/promises';
import { LOGIN_ROLES, type LoginRole, loginNames, roleName } from '../database/index.js';
import { applyRoles, dropRoles, dropSeconds } from '../schema/index.js';
import { credentialsOf } from './credentials.js';
import { finishRotations } from './rotations.js';
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
  const admin = place.database('postgres');
  await applyRoles(admin, book, { passwords });
  // Else one whose old password has ended by itself would be refused still.
  await finishRotations(admin, credentialsOf(place, place.server.passfile), book);
}

/** `claire up` leaves a book that is gone within 5 seconds; its upkeep may come back once in between. */
const TURNS = 10;

/** Takes the roles of a book that was dropped from the embedded server, and their lines from the pgpass file. */
export async function takeRoles(place: Place, book: string): Promise<void> {
  // Those of `main` are the server's: they stay for the next one.
  if (!place.server || book === 'main') return;
  const admin = place.database('postgres');
  await dropSeconds(admin, book);
  let left: { name: string }[] = [];
  for (let turn = 1; turn <= TURNS; turn++) {
    await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [
      roleName('claire_upkeep', book),
    ]);
    ({ left } = await dropRoles(admin, book));
    if (left.length === 0) break;
    await sleep(100);
  }
  const names = loginNames(book).filter((name) => !left.some((each) => each.name === name));
  const gone = Object.fromEntries(names.map((name) => [name, undefined]));
  await place.server.changePasswords((keep) => keep(gone));
}
