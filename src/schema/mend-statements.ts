import { type CatalogObject, inBook } from './catalog.js';
import { columnParts, type Difference } from './compare.js';

/** Of what stands only between two statements. */
const MENDING = 'claire_mending';

/** The name without the table before it. */
export const own = ({ name, table, kind }: CatalogObject): string =>
  table !== null && kind !== 'index' && kind !== 'sequence' ? name.slice(table.length + 1) : name;

/** The statements that make an object which is not there. Tables, columns and constraints have functions of their own. */
export const makeStatements = (object: CatalogObject, book: string): string[] => [
  inBook(object.definition, book),
  ...object.also,
];

export function tableStatements(table: CatalogObject, parts: readonly CatalogObject[]): string[] {
  const columns = parts
    .filter(({ kind }) => kind === 'column')
    .map((column) => `  ${own(column)} ${column.definition}`);
  const head = table.definition.indexOf(table.name) + table.name.length;
  const text = `${table.definition.slice(0, head)} (\n${columns.join(',\n')}\n)${table.definition.slice(head)}`;
  return [
    '-- The columns stand in the order of their names: clients must name them to insert.',
    text,
    ...table.also,
  ];
}

/** A column that is not there, in a table that may have rows. */
export function addColumn(column: CatalogObject): string[] {
  const { type, notNull, fallback } = columnParts(column);
  const add = `alter table ${column.table} add column ${own(column)} ${type}`;
  if (fallback === undefined) return [add, ...(notNull ? setNotNull(column) : [])];
  const rewrites = /\b(nextval|random|gen_random_uuid|clock_timestamp|pg_current_xact_id)\(/.test(fallback);
  return [
    ...(rewrites ? [rewriting(column.table!)] : []),
    `${add} default ${fallback}${notNull ? ' not null' : ''}`,
  ];
}

/** Under a NOT VALID check first, so that no writer waits while the rows are read. */
function setNotNull(column: CatalogObject): string[] {
  const [table, name] = [column.table!, own(column)];
  return [
    `-- Fails where a row of ${table} has no ${name}: fill it first.`,
    `alter table ${table} drop constraint if exists ${MENDING}, ` +
      `add constraint ${MENDING} check (${name} is not null) not valid`,
    `alter table ${table} validate constraint ${MENDING}`,
    `alter table ${table} alter column ${name} set not null`,
    `alter table ${table} drop constraint ${MENDING}`,
  ];
}

export function columnTypeStatements({ expected, actual }: Difference): string[] {
  const [wanted, found] = [columnParts(expected!), columnParts(actual!)];
  if (wanted.type === found.type) return [];
  const column = `alter table ${expected!.table} alter column ${own(expected!)}`;
  if (/ generated /.test(wanted.type + found.type))
    return [`-- By hand: ${expected!.name} is ${found.type}, expected is ${wanted.type}.`];
  const isOther = wanted.fallback !== found.fallback;
  return [
    ...(isRewrite(found.type, wanted.type) ? [rewriting(expected!.table!)] : []),
    // A default of another type could stand in the way.
    ...(isOther && found.fallback !== undefined ? [`${column} drop default`] : []),
    // Without USING: the server refuses what does not fit, where a cast would cut it.
    `${column} type ${wanted.type}`,
  ];
}

export function columnStatements({ state, expected, actual }: Difference): string[] {
  const [wanted, found] = [columnParts(expected!), columnParts(actual!)];
  const column = `alter table ${expected!.table} alter column ${own(expected!)}`;
  // A NOT NULL that is not valid is validated by this.
  if (state === 'invalid') return [`${column} set not null`];
  const fallback = wanted.fallback === undefined ? 'drop default' : `set default ${wanted.fallback}`;
  return [
    ...(wanted.fallback === found.fallback ? [] : [`${column} ${fallback}`]),
    ...(wanted.notNull && !found.notNull ? setNotNull(expected!) : []),
    ...(!wanted.notNull && found.notNull ? [`${column} drop not null`] : []),
  ];
}

/** In a table that is new: nobody waits for it. */
export const createConstraint = (constraint: CatalogObject): string =>
  `alter table ${constraint.table} add constraint ${own(constraint)} ${constraint.definition}`;

/** In a table with rows and writers. One that says something else gives way in the same statement, so the law never rests. */
export function addConstraint(constraint: CatalogObject, replaces: boolean): string[] {
  const { table, definition } = constraint;
  const drop = replaces ? `drop constraint ${own(constraint)}, ` : '';
  const add = `alter table ${table} ${drop}add constraint ${own(constraint)}`;
  const [, unique, columns] = /^(PRIMARY KEY|UNIQUE) (\(.*\))$/.exec(definition) ?? [];
  if (unique) {
    const index = replaces ? MENDING : own(constraint);
    return [
      `create unique index concurrently ${index} on ${table} ${columns}`,
      `${add} ${unique} using index ${index}`,
    ];
  }
  return isExamined(constraint)
    ? [`${add} ${definition} not valid`, `alter table ${table} validate constraint ${own(constraint)}`]
    : [`${add} ${definition}`];
}

const isExamined = ({ definition }: CatalogObject): boolean => /^(CHECK|FOREIGN KEY) /.test(definition);

export const validConstraint = (constraint: CatalogObject): string =>
  isExamined(constraint)
    ? `alter table ${constraint.table} validate constraint ${own(constraint)}`
    : `reindex index concurrently ${own(constraint)}`;

export const createIndex = (index: CatalogObject, fresh: boolean): string =>
  fresh ? index.definition : index.definition.replace(/^(CREATE (?:UNIQUE )?INDEX) /, '$1 CONCURRENTLY ');

export function dropStatement(object: CatalogObject): string {
  if (object.kind === 'trigger' || object.kind === 'rule')
    return `drop ${object.kind} ${own(object)} on ${object.table}`;
  return `drop ${object.kind} ${object.name}`;
}

/** What brings the statements beside a definition from those found to those expected. */
export function alsoStatements({ expected, actual }: Difference): string[] {
  const undone = actual!.also.filter((one) => !expected!.also.includes(one)).flatMap(undo);
  return [...undone, ...expected!.also.filter((one) => !actual!.also.includes(one))];
}

function undo(statement: string): string[] {
  // To be stricter than we are is nobody's mistake.
  if (statement.startsWith('revoke ')) return [];
  return [
    statement
      .replace(/ owned by .*$/, ' owned by none')
      .replace(/ (disable|enable replica|enable always) trigger /, ' enable trigger ')
      .replace(/ enable row level security$/, ' disable row level security')
      .replace(/ force row level security$/, ' no force row level security'),
  ];
}

export const alterTable = ({ expected, actual }: Difference): string =>
  actual!.definition === expected!.definition.replace('create table', 'create unlogged table')
    ? `alter table ${expected!.name} set logged`
    : `-- By hand: ${actual!.definition}; expected is ${expected!.definition}.`;

const rewriting = (table: string) =>
  `-- Rewrites ${table} and lets nobody read it meanwhile: stop its clients first.`;

/** Whether a change of type writes every row again; a longer text or a number without bounds does not. */
function isRewrite(from: string, to: string): boolean {
  const [, kind, size, scale] = TYPE.exec(from) ?? [];
  const [, toKind, toSize, toScale] = TYPE.exec(to) ?? [];
  if (kind === undefined || toKind === undefined) return true;
  const isText = (name: string) => name !== 'numeric';
  if (isText(kind) !== isText(toKind)) return true;
  if (toSize === undefined) return false;
  return size === undefined || Number(toSize) < Number(size) || scale !== toScale;
}

const TYPE = /^(numeric|character varying|text)(?:\((\d+)(?:,(\d+))?\))?$/;
