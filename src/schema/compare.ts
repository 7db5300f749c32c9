import type { CatalogObject } from './catalog.js';

export interface Difference {
  /** `invalid`: as expected, but the server does not hold to it: NOT VALID, INVALID, never filled. */
  state: 'missing' | 'different' | 'extra' | 'invalid';
  kind: CatalogObject['kind'];
  name: string;
  table: string | null;
  expected: CatalogObject | null;
  actual: CatalogObject | null;
  /** Whether the book is not what this version says. */
  matters: boolean;
  /** Of a table or view that is missing: what belongs to it, and is missing with it. */
  parts: CatalogObject[];
  /** What reads the object and must be dropped and made again for its definition to change. */
  around: CatalogObject[];
}

/**
 * Holds the live catalog of a book against the expected one. A table that is missing is one difference, and so is one
 * that is extra: what belongs to it is not named again. The same object under another name is one missing and one extra.
 */
export function compareCatalogs(
  expected: readonly CatalogObject[],
  live: readonly CatalogObject[],
): Difference[] {
  const wanted = new Map(expected.map((object) => [keyOf(object), object]));
  const found = new Map(live.map((object) => [keyOf(object), object]));
  const missing = relations(expected.filter((object) => !found.has(keyOf(object))));
  const foreign = relations(live.filter((object) => !wanted.has(keyOf(object))));
  const differences: Difference[] = [];
  for (const object of expected) {
    const actual = found.get(keyOf(object)) ?? null;
    if (!actual && missing.has(object.table ?? '')) continue;
    const state = stateOf(object, actual);
    if (!state) continue;
    const parts = expected.filter((part) => part.table === object.name && !found.has(keyOf(part)));
    differences.push({
      ...describe(object, state),
      expected: object,
      actual,
      matters: matters(object, state),
      parts: state === 'missing' && isRelation(object) ? parts : [],
      around: state === 'different' ? around(object, actual!, expected, found) : [],
    });
  }
  for (const actual of live) {
    if (wanted.has(keyOf(actual)) || foreign.has(actual.table ?? '')) continue;
    const nothing = { expected: null, parts: [], around: [] };
    const matters = weakens(actual, expected);
    differences.push({ ...describe(actual, 'extra'), actual, matters, ...nothing });
  }
  return differences;
}

/** An index of the same name on another table is somebody else's. */
const keyOf = ({ kind, name, table }: CatalogObject): string =>
  kind === 'index' ? `${kind} ${table}.${name}` : `${kind} ${name}`;

const isRelation = ({ kind }: CatalogObject): boolean =>
  ['table', 'view', 'materialized view'].includes(kind);

const relations = (objects: readonly CatalogObject[]) =>
  new Set(objects.filter(isRelation).map(({ name }) => name));

const describe = ({ kind, name, table }: CatalogObject, state: Difference['state']) => ({
  state,
  kind,
  name,
  table,
});

function stateOf(expected: CatalogObject, actual: CatalogObject | null): Difference['state'] | undefined {
  if (!actual) return 'missing';
  // Who takes a right from everybody has his own reasons to be stricter than we are.
  const also = actual.also.filter((one) => expected.also.includes(one) || !one.startsWith('revoke '));
  if (actual.definition !== expected.definition || also.join() !== expected.also.join()) return 'different';
  return expected.valid && !actual.valid ? 'invalid' : undefined;
}

/**
 * What is extra is listed and does not matter, a constraint or a trigger that refuses rows included: somebody wanted
 * that, and a script that asks every night must not end with 1 for good. What can weaken a law matters: a rule or a
 * trigger that changes rows before our laws see them, and a function that is called in the place of ours.
 */
function weakens(
  { kind, name, definition, table }: CatalogObject,
  expected: readonly CatalogObject[],
): boolean {
  const isOurs = expected.some((object) => object.kind === 'table' && object.name === table);
  if (kind === 'rule') return isOurs;
  if (kind === 'trigger') return isOurs && / (BEFORE|INSTEAD OF) /.test(definition);
  const simple = (signature: string) => signature.replace(/\(.*/s, '');
  return (
    kind === 'function' &&
    expected.some((object) => object.kind === kind && simple(object.name) === simple(name))
  );
}

/** A storage parameter that somebody tuned does not matter. */
const matters = ({ kind }: CatalogObject, state: Difference['state']): boolean =>
  !(kind === 'setting' && state === 'different');

/** Nothing of others is in it: we do not drop that, and the server names it when it is in the way. */
function around(
  object: CatalogObject,
  actual: CatalogObject,
  expected: readonly CatalogObject[],
  found: ReadonlyMap<string, CatalogObject>,
): CatalogObject[] {
  const isType = object.kind === 'column' && typeOf(object) !== typeOf(actual);
  const isView = object.kind === 'view' || object.kind === 'materialized view';
  if ((!isType && !isView) || object.definition === actual.definition) return [];
  const reached = new Set([object.name]);
  const standing: CatalogObject[] = [];
  // Views come in no order, so it is gone round until nothing new is reached.
  for (let before = -1; before < standing.length; ) {
    before = standing.length;
    for (const reader of expected) {
      const now = found.get(keyOf(reader));
      if (!now || standing.includes(reader) || reader === object) continue;
      if (![...reader.needs, ...now.needs].some((need) => isReached(need, reached))) continue;
      standing.push(reader);
      if (isRelation(reader)) reached.add(reader.name);
    }
  }
  const gone = [object, ...standing].filter(({ kind }) => kind === 'materialized view');
  const indexes = expected.filter(({ table }) => gone.some(({ name }) => name === table));
  return [...standing, ...indexes.filter((index) => found.has(keyOf(index)))];
}

/** A column that changes is reached by itself or by a reader of the whole row, a view by any of its columns. */
const isReached = (need: string, reached: ReadonlySet<string>): boolean =>
  [...reached].some(
    (name) =>
      need === name || need.startsWith(`${name}.`) || (name.includes('.') && name.startsWith(`${need}.`)),
  );

/** The parts of a column's definition; no name of a type holds the words that follow it. */
export function columnParts({ definition }: CatalogObject) {
  const [, type, notNull, fallback] = /^(.*?)( not null)?(?: default (.*))?$/s.exec(definition)!;
  return { type: type!, notNull: notNull !== undefined, fallback };
}

const typeOf = (column: CatalogObject): string => columnParts(column).type;
