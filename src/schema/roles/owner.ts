import { identifier, OWNER, type Queryable, roleName } from '../../database/index.js';
import { type Ground, readGround } from './cells.js';

/** SQL: what it takes to act as a role; PostgreSQL 15 knows no other right of a member. */
export const ACT_AS = `case when current_setting('server_version_num')::int >= 160000 then 'set' else 'member' end`;

/** The owner role of a book where it is there and this login may act as it. */
export async function usableOwner(session: Queryable, book: string): Promise<string | undefined> {
  const [row] = await session.query<{ name: string }>(
    `select rolname::text as name from pg_roles
     where rolname = $1 and not rolsuper and pg_has_role(oid, ${ACT_AS})`,
    [roleName(OWNER, book)],
  );
  return row?.name;
}

/**
 * Lets a session act as the owner of a book, so that what it makes is the owner's and not its own. Where the owner could
 * not do all that is to be done (it is not the owner of everything), or cannot be acted as, it stays who it is.
 */
export async function actAsOwner(session: Queryable, book: string): Promise<void> {
  const { things } = await readGround(session, book);
  const schema = things.find(({ kind }) => kind === 'schema');
  if (!schema) return;
  const history = things.find(({ object }) => object === 'schema_migrations');
  const owner = history?.owner ?? schema.owner;
  const [row] = await session.query<{ able: boolean }>(
    `select r.oid <> current_user::regrole and not r.rolsuper and r.rolname !~ '^pg_'
       and pg_has_role(r.oid, ${ACT_AS}) and has_schema_privilege(r.oid, $2, 'create')
       and (select bool_and(pg_has_role(r.oid, o.oid, 'usage')) from pg_roles as o where o.rolname = any ($3)) as able
     from pg_roles as r where r.rolname = $1`,
    [owner, book, [...new Set(things.filter(({ kind }) => kind !== 'schema').map((one) => one.owner))]],
  );
  // Of a schema without objects bool_and says nothing, and so does nothing against it.
  if (row && row.able !== false) await session.query(`set role ${identifier(owner)}`);
}

/** Who the view of the seed belongs to: PostgreSQL 15 and 16 let nobody but its owner refresh it. */
export async function ownerOfView(session: Queryable, book: string, owner: string): Promise<string> {
  const [row] = await session.query<{ name: string }>(
    `select rolname::text as name from pg_roles
     where rolname = $1 and not rolsuper and pg_has_role($2::name, oid, 'usage') and pg_has_role(oid, ${ACT_AS})`,
    [roleName('claire', book), owner],
  );
  return row?.name ?? owner;
}

/** Statements that give each object of Claire's to whom it belongs; none where all is so. */
export function ownershipStatements(
  { book, things }: Ground,
  owner: string,
  ownerOfViews: string,
  isSuperuser: boolean,
): string[] {
  const schema = identifier(book);
  const statements: string[] = [];
  for (const { kind, sql, owner: now, is_materialized } of things) {
    const wanted = is_materialized ? ownerOfViews : owner;
    if (now === wanted) continue;
    // The schema `public` is the database's, also where a book lies in it. A sequence goes with its table.
    if (kind === 'sequence' || (kind === 'schema' && book === 'public')) continue;
    const what = is_materialized ? 'materialized view' : kind;
    const move = `alter ${what} ${sql} owner to ${identifier(wanted)}`;
    // Of somebody who is no superuser PostgreSQL asks that the new owner may create there, for this moment.
    const isLent = !isSuperuser && wanted !== owner;
    const lend = (verb: string) =>
      `${verb} create on schema ${schema} ${verb === 'grant' ? 'to' : 'from'} ${identifier(wanted)}`;
    statements.push(...(isLent ? [lend('grant'), move, lend('revoke')] : [move]));
  }
  // First of all the schema: an owner of objects must be allowed to create there.
  const isFirst = (statement: string) => statement.startsWith('alter schema');
  return [...statements.filter(isFirst), ...statements.filter((one) => !isFirst(one))];
}
