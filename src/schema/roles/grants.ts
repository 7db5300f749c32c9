import type { Queryable } from '../../database/index.js';
import { differences, type Ground, readGround, statementsFor } from './cells.js';
import { ownerOfView, ownershipStatements } from './owner.js';

/**
 * Gives the roles that are there the rights that they lack in a book of the newest version; takes nothing away, which is
 * for applyRoles. Without the right to grant, nothing is done: a server with one login works too.
 */
export async function applyGrants(session: Queryable, book: string): Promise<void> {
  const [state] = await session.query<{ able: boolean; superuser: boolean; login: string }>(
    `select pg_has_role(n.nspowner, 'usage') as able, r.rolsuper as superuser, current_user::text as login
     from pg_namespace as n, pg_roles as r where n.nspname = $1 and r.rolname = current_user`,
    [book],
  );
  if (!state?.able) return;
  const ground = await readGround(session, book);
  if (ground.roles.size === 0) return;
  const view = ground.things.find(({ is_materialized }) => is_materialized);
  const holder = await ownerOfView(session, book, view?.owner ?? state.login);
  const onlyView: Ground = { ...ground, things: view ? [view] : [] };
  const moves = ownershipStatements(onlyView, state.login, holder, state.superuser);
  for (const statement of moves) await session.query(statement);
  const now = moves.length > 0 ? await readGround(session, book) : ground;
  for (const statement of statementsFor(now, differences(now).missing, 'grant'))
    await session.query(statement);
}

/** Makes the rights exact: first what is too much goes, then what is missing then is given. */
export async function makeExact(
  session: Queryable,
  book: string,
  run: (sql: string) => Promise<unknown>,
): Promise<void> {
  const ground = await readGround(session, book);
  for (const statement of statementsFor(ground, differences(ground).beyond, 'revoke')) await run(statement);
  // Without a right on a table its columns have it no more either.
  const after = await readGround(session, book);
  for (const statement of statementsFor(after, differences(after).missing, 'grant')) await run(statement);
}
