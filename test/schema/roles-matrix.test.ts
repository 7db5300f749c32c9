import { beforeAll, describe, expect, inject, test } from 'vitest';
import { LOGIN_ROLES, type LoginRole, OWNER, ROLES, roleName } from '../../src/database/index.js';
import { RIGHTS } from '../../src/schema/index.js';
import {
  FUNCTIONS,
  HISTORY,
  MATERIALIZED_VIEWS,
  SEQUENCES,
  TABLES,
  VIEWS,
} from '../../src/schema/objects.js';
import { attempt, useRoles } from './roles-ground.js';

/** Every role × every object of the book as the catalog has it × every right: exactly the documented cells. */
const ground = useRoles();
const { book } = ground;
let name: string;

beforeAll(async () => {
  name = await ground.bookWithRoles();
});

const OF_TABLES = ['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger'];
const OF_COLUMNS = ['select', 'insert', 'update', 'references'];
const isKnown = (right: string) => right !== 'maintain' || inject('major') >= 17;

interface Relation {
  name: string;
  kind: 'r' | 'v' | 'm' | 'S';
  owner: string;
  columns: string[];
}

const relations = () =>
  book.sql<Relation>(
    `select c.relname::text as name, c.relkind::text as kind, pg_get_userbyid(c.relowner)::text as owner,
       array(select attname::text from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped) as columns
     from pg_class c where c.relnamespace = '${name}'::regnamespace and c.relkind not in ('i', 'I') order by 1`,
  );

const functions = () =>
  book.sql<{ name: string; oid: string }>(
    `select p.proname || '(' || replace(oidvectortypes(p.proargtypes), '${name}.', '') || ')' as name, p.oid::text
     from pg_proc p where p.pronamespace = '${name}'::regnamespace order by 1`,
  );

/** The columns for which a right is documented: all, or those that are named. */
function documented(role: LoginRole, { name: table, columns }: Relation, right: string): string[] {
  for (const one of RIGHTS[role].relations[table] ?? []) {
    const [, base, list] = /^(\w+)(?: \((.+)\))?$/.exec(one)!;
    if (base === right) return list?.split(', ') ?? columns;
  }
  return [];
}

const ownsIt = (role: string, { owner }: Relation) => owner === roleName(role as LoginRole, name);

describe('the lists hold', () => {
  test('every table, view and sequence of the book, and no other', async () => {
    const listed = (kinds: string[]) => async () =>
      (await relations()).filter(({ kind }) => kinds.includes(kind)).map((one) => one.name);
    const names = (named: readonly { name: string }[]) => named.map((one) => one.name).sort();
    expect(await listed(['r'])()).toEqual([...names(TABLES), HISTORY].sort());
    expect(await listed(['v'])()).toEqual(names(VIEWS));
    expect(await listed(['m'])()).toEqual(names(MATERIALIZED_VIEWS));
    expect(await listed(['S'])()).toEqual(names(SEQUENCES));
    expect((await relations()).filter(({ kind }) => !'rvmS'.includes(kind))).toEqual([]);
  });

  test('every function of the book, and no other', async () => {
    expect((await functions()).map((one) => one.name).sort()).toEqual(
      FUNCTIONS.map((one) => one.name).sort(),
    );
  });

  test('nothing that is not there is in the table of rights', async () => {
    const there = new Set([...(await relations()), ...(await functions())].map((one) => one.name));
    const written = LOGIN_ROLES.flatMap((role) => {
      const { relations: tables, functions: calls, sequences } = RIGHTS[role];
      return [...Object.keys(tables), ...calls, ...Object.keys(sequences)];
    });
    expect(written.filter((one) => !there.has(one))).toEqual([]);
  });

  test('whoever reads everything reads what is new, but no credentials and no answers of others', async () => {
    const secret: Partial<Record<string, string[]>> = {
      claire_upkeep: [],
      claire_operator: ['idempotency_keys'],
    };
    const all = (await relations()).filter(({ kind }) => kind !== 'S').map((one) => one.name);
    for (const role of ['claire_reader', 'claire_upkeep', 'claire', 'claire_operator'] as const)
      expect(Object.keys(RIGHTS[role].relations).sort(), role).toEqual(
        all.filter((one) => !(secret[role] ?? ['idempotency_keys', 'tokens']).includes(one)),
      );
  });
});

/** What the catalog says of each cell, as text; the columns where not all have it. */
async function inCatalog(role: string, relation: Relation): Promise<string[]> {
  const [row] = await book.sql<{ cells: string[] }>(
    `select array_remove(array[${[
      ...OF_TABLES.map(
        (right) =>
          `case when has_table_privilege('${role}', '${name}.${relation.name}', '${right}') then '${right}' end`,
      ),
      ...(isKnown('maintain')
        ? [
            `case when has_table_privilege('${role}', '${name}.${relation.name}', 'maintain') then 'maintain' end`,
          ]
        : []),
      ...relation.columns.flatMap((column) =>
        OF_COLUMNS.map(
          (right) =>
            `case when has_column_privilege('${role}', '${name}.${relation.name}', '${column}', '${right}') then '${right} (${column})' end`,
        ),
      ),
    ].join(', ')}], null) as cells`,
  );
  return row!.cells.sort();
}

function inTable(role: LoginRole, relation: Relation): string[] {
  const rights = (RIGHTS[role].relations[relation.name] ?? []).filter(isKnown);
  const whole = rights.filter((right) => !right.includes('('));
  const columns = OF_COLUMNS.flatMap((right) =>
    documented(role, relation, right).map((column) => `${right} (${column})`),
  );
  return [...whole, ...columns].sort();
}

describe.each(LOGIN_ROLES)('%s', (role) => {
  test('has in the catalog exactly what is documented', async () => {
    const who = roleName(role, name);
    const there = await relations();
    for (const relation of there.filter(({ kind }) => kind !== 'S')) {
      if (ownsIt(role, relation)) continue;
      expect(await inCatalog(who, relation), relation.name).toEqual(inTable(role, relation));
    }
    const sequences = await book.sql<{ name: string; cells: string[] }>(
      `select relname::text as name, array_remove(array[
         ${['usage', 'select', 'update'].map((r) => `case when has_sequence_privilege('${who}', oid, '${r}') then '${r}' end`).join(', ')}
       ], null) as cells
       from pg_class where relnamespace = '${name}'::regnamespace and relkind = 'S'`,
    );
    for (const one of sequences)
      expect(one.cells, one.name).toEqual([RIGHTS[role].sequences[one.name] ?? []].flat());
    const callable = await book.sql<{ name: string }>(
      `select p.proname || '(' || replace(oidvectortypes(p.proargtypes), '${name}.', '') || ')' as name
       from pg_proc p where p.pronamespace = '${name}'::regnamespace and has_function_privilege('${who}', p.oid, 'execute')`,
    );
    expect(callable.map((one) => one.name).sort()).toEqual([...RIGHTS[role].functions].sort());
  });

  test('may do on tables what is documented, and is refused all else', async () => {
    const database = ground.login(role, name);
    const cells = (await relations())
      .filter((relation) => relation.kind !== 'S' && !ownsIt(role, relation))
      .flatMap((relation) => statementsOn(role, relation));
    const found = await attempt(
      database,
      cells.map(({ statement }) => statement),
    );
    const told = cells.map(({ statement, allowed }, at) => ({ statement, allowed, state: found[at] }));
    expect(told.filter(({ allowed, state }) => (state === '42501') === allowed)).toEqual([]);
    expect(cells.some(({ allowed }) => allowed)).toBe(true);
  });

  test('may call the documented functions, and no other', async () => {
    const database = ground.login(role, name);
    const calls = (await functions()).map((one) => ({
      call: one.name,
      statement:
        `select ${name}.${one.name.replace(/\((.*)\)$/, (_, types: string) => `(${nulls(types)})`)}`.replace(
          // It takes any number of words.
          /(exact_word\(.*, )/,
          '$1variadic ',
        ),
    }));
    const found = await attempt(
      database,
      calls.map(({ statement }) => statement),
    );
    const open = calls.filter((_, at) => found[at] !== '42501').map(({ call }) => call);
    expect(open.sort()).toEqual([...RIGHTS[role].functions].sort());
  });
});

/** Statements that do nothing where they are allowed. A view that cannot be written to says so before rights are asked. */
function statementsOn(role: LoginRole, relation: Relation) {
  const { name: table, kind, columns } = relation;
  const at = `${name}.${table}`;
  const may = (right: string, column?: string) =>
    column === undefined
      ? documented(role, relation, right).length > 0
      : documented(role, relation, right).includes(column);
  const reads = [{ statement: `select * from ${at} limit 0`, allowed: may('select') }];
  if (kind !== 'r') return reads;
  return [
    ...reads,
    {
      statement: `insert into ${at} (${columns.join(', ')}) select ${columns.join(', ')} from ${at} where false`,
      allowed: may('insert'),
    },
    ...columns.map((column) => ({
      statement: `update ${at} set ${column} = ${column} where false`,
      allowed: may('update', column),
    })),
    { statement: `delete from ${at} where false`, allowed: may('delete') },
    { statement: `truncate ${at}`, allowed: may('truncate') },
    { statement: `alter table ${at} add column mine text`, allowed: false },
    { statement: `alter table ${at} disable trigger all`, allowed: false },
    { statement: `comment on table ${at} is 'mine'`, allowed: false },
    { statement: `drop table ${at}`, allowed: false },
    { statement: `create index on ${at} (${columns[0]})`, allowed: false },
    {
      statement: `create trigger mine before insert on ${at} for each row execute function suppress_redundant_updates_trigger()`,
      allowed: may('trigger'),
    },
    { statement: `create rule mine as on insert to ${at} do nothing`, allowed: false },
  ];
}

const nulls = (types: string): string =>
  types
    .split(', ')
    .filter((type) => type !== '')
    .map(
      (type) =>
        `null::${/^(decisions|limits|risk|halt_gate|signals|trades|orders)\b/.test(type) ? `${name}.` : ''}${type}`,
    )
    .join(', ');

test('the owner owns everything but the view of the seed, and nobody else anything', async () => {
  const owners = (await relations()).map((one) => [one.name, one.owner]);
  const others = owners.filter(([, owner]) => owner !== roleName(OWNER, name));
  expect(others).toEqual([['positions_realtime', roleName('claire', name)]]);
  const [row] = await book.sql<{ owners: string[] }>(
    `select array_agg(distinct pg_get_userbyid(proowner)::text) as owners from pg_proc where pronamespace = '${name}'::regnamespace`,
  );
  expect(row!.owners).toEqual([roleName(OWNER, name)]);
});

test('everybody may do nothing at all', async () => {
  const found = await book.sql(
    `select x.name, a.privilege_type from (
       select relname::text as name, coalesce(relacl, acldefault(case relkind when 'S' then 's'::"char" else 'r'::"char" end, relowner)) as acl
       from pg_class where relnamespace = '${name}'::regnamespace and relkind in ('r', 'v', 'm', 'S')
       union all
       select proname, coalesce(proacl, acldefault('f', proowner)) from pg_proc where pronamespace = '${name}'::regnamespace
       union all
       select nspname, coalesce(nspacl, acldefault('n', nspowner)) from pg_namespace where nspname = '${name}'
     ) as x cross join lateral aclexplode(x.acl) as a where a.grantee = 0`,
  );
  expect(found).toEqual([]);
});

test('a function that is new and everybody may call, and a table that somebody is given, are found', async () => {
  await book.sql(`create function ${name}.forgotten() returns int language sql as 'select 1'`);
  await book.sql(`create table ${name}.forgotten (id int)`);
  await book.sql(`grant select on ${name}.permits to ${roleName('signal_engine', name)}`);
  const [permits] = (await relations()).filter((one) => one.name === 'permits');
  expect((await functions()).map((one) => one.name)).toContain('forgotten()');
  expect(FUNCTIONS.map((one) => one.name)).not.toContain('forgotten()');
  expect(await inCatalog(roleName('signal_engine', name), permits!)).not.toEqual(
    inTable('signal_engine', permits!),
  );
  await book.sql(`drop function ${name}.forgotten()`);
  await book.sql(`drop table ${name}.forgotten`);
  await book.sql(`revoke select on ${name}.permits from ${roleName('signal_engine', name)}`);
});

test('each login has its limit, and its path', async () => {
  const rows = await book.sql<{ name: string; limit: number; login: boolean }>(
    `select rolname::text as name, rolconnlimit as limit, rolcanlogin as login from pg_roles
     where rolname = any ('{${ROLES.map((role) => roleName(role, name)).join(',')}}')`,
  );
  const limits = Object.fromEntries(rows.map((row) => [row.name.replace(`_${name}`, ''), row.limit]));
  expect(limits).toEqual({
    ...{ signal_engine: 12, risk_manager: 8, execution_service: 5, claire_reader: 3, claire_upkeep: 2 },
    ...{ claire: 20, claire_operator: 2, claire_owner: -1 },
  });
  expect(rows.filter(({ login }) => !login).map((row) => row.name)).toEqual([roleName(OWNER, name)]);
});
