import { randomBytes } from 'node:crypto';
import { afterAll, inject } from 'vitest';
import {
  Database,
  identifier,
  LOGIN_ROLES,
  type LoginRole,
  ROLES,
  roleName,
} from '../../src/database/index.js';
import { applyRoles, type RolePasswords } from '../../src/schema/index.js';
import { type Fixture, useBook } from '../harness/book.js';

/** Roles are of the whole server: a test makes books with names of their own, and its roles go with them. */
export interface RolesGround {
  book: Fixture;
  /** A book with its roles, each login with a password; its name. */
  bookWithRoles(name?: string): Promise<string>;
  /** A name for a book, whose roles are dropped at the end of the file. */
  named(name?: string): string;
  /** A pool of a login of a book, as a service has it. */
  login(role: LoginRole, name: string): Database;
  /** URL of a login of a book. */
  urlOf(role: LoginRole, name: string): string;
  /** A role that is none of Claire's, dropped at the end of the file. */
  stranger(attributes?: string): Promise<{ name: string; database: Database }>;
}

export const PASSWORDS: Required<RolePasswords> = Object.fromEntries(
  LOGIN_ROLES.map((role) => [role, `secret-of-${role}-${randomBytes(6).toString('hex')}`]),
) as Required<RolePasswords>;

export function useRoles(): RolesGround {
  const books: string[] = [];
  const strangers: string[] = [];
  const open: Database[] = [];
  // Registered before those of the database, and so run after them: what the roles had there is gone by then.
  afterAll(async () => {
    const admin = new Database({
      databaseUrl: inject('serverUrl'),
      applicationName: 'tests',
      connections: 1,
    });
    // What still stands of theirs would keep them.
    const name = new URL(book.url).pathname.slice(1);
    await admin.query(`drop database if exists ${identifier(name)} with (force)`);
    const names = [...books.flatMap((book) => ROLES.map((role) => roleName(role, book))), ...strangers];
    for (const name of names) await admin.query(`drop role if exists ${identifier(name)}`);
    await admin.close();
  });
  const book = useBook();
  afterAll(async () => {
    for (const database of open) await database.close();
  });

  const pool = (user: string, password: string, path = 'public'): Database => {
    const url = new URL(book.url);
    url.username = user;
    url.password = password;
    url.searchParams.set('options', `-c search_path=${path}`);
    const database = new Database({ databaseUrl: url.href, applicationName: 'tests', connections: 1 });
    open.push(database);
    return database;
  };
  const pools = new Map<string, Database>();
  const named = (name = `r${randomBytes(5).toString('hex')}`) => {
    books.push(name);
    return name;
  };
  return {
    book,
    named,
    async bookWithRoles(name) {
      const made = named(name ?? (await book.bookAt()));
      await applyRoles(book.database, made, { passwords: PASSWORDS });
      return made;
    },
    login(role, name) {
      const user = roleName(role, name);
      // One for all tests: a backend that ends counts toward the limit of its role until it is gone.
      const known = pools.get(user) ?? pool(user, PASSWORDS[role], name);
      pools.set(user, known);
      return known;
    },
    urlOf(role, name) {
      const url = new URL(book.url);
      url.username = roleName(role, name);
      url.password = PASSWORDS[role];
      return url.href;
    },
    async stranger(attributes = '') {
      const name = `stranger_${randomBytes(5).toString('hex')}`;
      strangers.push(name);
      await book.database.query(`create role ${name} login password 'of-a-stranger' ${attributes}`);
      return { name, database: pool(name, 'of-a-stranger') };
    },
  };
}

/** Runs SQL as a role of a book in a transaction that is rolled back; the SQLSTATE of its error, null without one. */
export async function attempt(database: Database, statements: readonly string[]): Promise<(string | null)[]> {
  return database.session(async (session) => {
    const found: (string | null)[] = [];
    await session.query('begin');
    try {
      for (const statement of statements) {
        await session.query('savepoint one');
        found.push(
          await session.query(statement).then(
            () => null,
            (error: { details?: { sqlstate?: string }; cause?: { code?: string } }) =>
              error.cause?.code ?? error.details?.sqlstate ?? String(error),
          ),
        );
        await session.query('rollback to savepoint one');
      }
    } finally {
      await session.query('rollback');
    }
    return found;
  });
}
