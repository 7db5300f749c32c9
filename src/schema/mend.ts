import { identifier } from '../database/index.js';
import type { CatalogObject } from './catalog.js';
import type { Difference } from './compare.js';
import {
  addColumn,
  addConstraint,
  alsoStatements,
  alterTable,
  columnStatements,
  columnTypeStatements,
  createConstraint,
  createIndex,
  dropStatement,
  makeStatements,
  own,
  tableStatements,
  validConstraint,
} from './mend-statements.js';

type Kind = CatalogObject['kind'];

const VIEWS: readonly Kind[] = ['view', 'materialized view'];

/**
 * The statements that bring a book to what is expected of it, in an order that works; each is run on its own, in one
 * session. Those that begin with `--` are for people. Nothing that is extra is dropped.
 */
export function mendingSql(differences: readonly Difference[], book: string): string[] {
  const plan = new Plan(differences, book);
  const statements = [
    ...plan.ofDefaults(),
    ...plan.relations(),
    ...plan.remade(),
    ...plan.columns(),
    ...plan.constraints(),
    ...plan.indexes(),
    ...plan.small(),
  ];
  return [
    ...(statements.length > 0
      ? [
          `set search_path to ${identifier(book)}, pg_temp`,
          // Functions call each other: the first of them would be refused for the want of the second.
          'set check_function_bodies to off',
          ...statements,
        ]
      : []),
    ...plan.ending(),
    ...plan.extra(),
  ];
}

class Plan {
  readonly #differences: readonly Difference[];
  readonly #book: string;
  /** What belongs to a table or view that is missing. */
  readonly #parts: readonly CatalogObject[];
  /** What is dropped and made again. */
  readonly #again: readonly CatalogObject[];

  constructor(differences: readonly Difference[], book: string) {
    this.#differences = differences;
    this.#book = book;
    this.#parts = differences.flatMap(({ parts }) => parts);
    this.#again = [
      ...new Set(
        differences.flatMap((difference) => [
          ...(isRemade(difference) ? [difference.expected!] : []),
          ...difference.around,
        ]),
      ),
    ];
  }

  #in(state: Difference['state'], ...kinds: Kind[]): Difference[] {
    return this.#differences.filter((one) => one.state === state && kinds.includes(one.kind));
  }

  #missing(...kinds: Kind[]): CatalogObject[] {
    return this.#in('missing', ...kinds).map(({ expected }) => expected!);
  }

  #fresh(...kinds: Kind[]): CatalogObject[] {
    return this.#parts.filter(({ kind }) => kinds.includes(kind));
  }

  /** Functions that are missing and that the defaults of missing columns call: those can only be made after them. */
  #called(): CatalogObject[] {
    const columns = [...this.#missing('column'), ...this.#fresh('column')];
    const names = new Set(columns.map(({ definition }) => / default (\w+)\(/.exec(definition)?.[1]));
    return this.#missing('function').filter(({ name }) => names.has(name.split('(')[0]));
  }

  ofDefaults(): string[] {
    const statements = this.#called().flatMap((one) => makeStatements(one, this.#book));
    return statements.length > 0 ? ['begin', ...statements, 'commit'] : [];
  }

  /** Tables, sequences and columns that are missing. */
  relations(): string[] {
    const sequences = [...this.#missing('sequence'), ...this.#fresh('sequence')];
    const settings = [...this.#missing('setting'), ...this.#fresh('setting')];
    const tuned = this.#in('different', 'setting').map(({ expected }) => expected!);
    return [
      ...sequences.map(({ definition }) => definition),
      ...this.#in('missing', 'table').flatMap(({ expected, parts }) => tableStatements(expected!, parts)),
      ...this.#missing('column').flatMap(addColumn),
      ...sequences.flatMap(({ also }) => also),
      ...this.#missing('sequence').flatMap(beyondRows),
      ...this.#in('different', 'sequence').flatMap(({ expected, actual }) =>
        expected!.definition === actual!.definition ? [] : [expected!.definition.replace('create', 'alter')],
      ),
      ...this.#in('different', 'table')
        .filter(({ expected, actual }) => expected!.definition !== actual!.definition)
        .map(alterTable),
      ...[...settings, ...tuned].map(
        (setting) => `alter table ${setting.table} set (${own(setting)} = ${setting.definition})`,
      ),
    ];
  }

  /**
   * Types of columns, functions, views and triggers. Where something is dropped and made again it is one transaction:
   * nobody sees the book without it. So it is where a function comes that not everybody may call.
   */
  remade(): string[] {
    const called = this.#called();
    const views = inOrder(unique([...this.#missing(...VIEWS), ...this.#of(VIEWS)]));
    const drops = [
      ...this.#of(['trigger', 'rule']),
      ...inOrder(this.#of(VIEWS)).reverse(),
      ...this.#of(['function']),
    ];
    const functions = [
      ...this.#missing('function')
        .filter((one) => !called.includes(one))
        .flatMap((one) => makeStatements(one, this.#book)),
      ...this.#in('different', 'function').flatMap(({ expected, actual }) =>
        expected!.definition === actual!.definition ? [] : makeStatements(expected!, this.#book),
      ),
    ];
    const triggers = unique([
      ...this.#missing('trigger', 'rule'),
      ...this.#fresh('trigger', 'rule'),
      ...this.#of(['trigger', 'rule']),
    ]);
    const statements = [
      ...drops.map(dropStatement),
      ...this.#in('different', 'column').flatMap(columnTypeStatements),
      ...functions,
      ...[...views, ...this.#of(['index']), ...triggers].flatMap((one) => makeStatements(one, this.#book)),
    ];
    const isOne = drops.length > 0 || functions.some((statement) => statement.startsWith('revoke '));
    return isOne ? ['begin', ...statements, 'commit'] : statements;
  }

  #of(kinds: readonly Kind[]): CatalogObject[] {
    return this.#again.filter(({ kind }) => kinds.includes(kind));
  }

  columns(): string[] {
    return [...this.#in('different', 'column'), ...this.#in('invalid', 'column')].flatMap(columnStatements);
  }

  /** Keys before those that point to them. */
  constraints(): string[] {
    const changed = this.#in('different', 'constraint')
      .filter(({ expected, actual }) => expected!.definition !== actual!.definition)
      .map(({ expected }) => expected!);
    const fresh = this.#fresh('constraint');
    const pointing = ({ definition }: CatalogObject) => Number(definition.startsWith('FOREIGN KEY'));
    return [
      ...[...this.#missing('constraint'), ...changed, ...fresh]
        .sort((a, b) => pointing(a) - pointing(b))
        .flatMap((one) => {
          if (fresh.includes(one)) return [createConstraint(one)];
          const statements = addConstraint(one, changed.includes(one));
          const begun = this.#in('extra', 'index').find(({ name }) => name === own(one))?.actual;
          if (begun && !begun.valid) return [`drop index concurrently ${begun.name}`, ...statements];
          // Built to its end, and not taken into the constraint.
          if (begun?.definition === indexOf(one)) return statements.slice(1);
          return statements;
        }),
      ...this.#in('invalid', 'constraint').map(({ expected }) => validConstraint(expected!)),
    ];
  }

  indexes(): string[] {
    const rebuilt = [...this.#in('invalid', 'index'), ...this.#in('different', 'index')].map(
      ({ expected }) => expected!,
    );
    // With its materialized view it was made again already.
    const left = rebuilt.filter((index) => !this.#again.includes(index));
    return [
      ...this.#fresh('index').map((index) => createIndex(index, true)),
      ...left.flatMap((index) => [`drop index concurrently ${index.name}`, createIndex(index, false)]),
      ...this.#missing('index').map((index) => createIndex(index, false)),
    ];
  }

  /** What is mended in a moment: a trigger is enabled, a right taken, a view filled. */
  small(): string[] {
    return [
      ...this.#differences
        .filter((one) => one.state === 'different' && !this.#again.includes(one.expected!))
        .flatMap(alsoStatements),
      ...this.#in('invalid', 'materialized view')
        .filter(({ expected }) => !this.#again.includes(expected!))
        .map(({ name }) => `refresh materialized view ${name}`),
    ];
  }

  ending(): string[] {
    const granted: readonly Kind[] = ['table', 'sequence', 'function', ...VIEWS];
    const isMade = [...this.#missing(...granted), ...this.#of(granted)].length > 0;
    return isMade
      ? ['-- Then run `claire migrate`: it gives the logins their rights on what was made here.']
      : [];
  }

  extra(): string[] {
    return this.#differences
      .filter(({ state }) => state === 'extra')
      .map(
        ({ kind, name, table }) =>
          `-- extra, left alone: ${kind} ${name}${kind === 'index' ? ` on ${table}` : ''}`,
      );
  }
}

/** Whether only dropping it first can change it. A view cannot lose columns, a function its result or its arguments. */
function isRemade({ state, kind, expected, actual }: Difference): boolean {
  if (state !== 'different' || expected!.definition === actual!.definition) return false;
  const signature = (object: CatalogObject) => object.definition.split('\n', 2).join();
  if (kind === 'function') return signature(expected!) !== signature(actual!);
  return ['trigger', 'rule', ...VIEWS].includes(kind);
}

/** A sequence that was lost begins behind the rows that it numbered. */
function beyondRows({ name, also }: CatalogObject): string[] {
  const [, table, column] = / owned by (.+)\.([^.]+)$/.exec(also[0] ?? '') ?? [];
  return table ? [`select setval('${name}', coalesce(max(${column}), 0) + 1, false) from ${table}`] : [];
}

/** The index that a key stands on, as the server writes it. */
const indexOf = (key: CatalogObject): string =>
  `CREATE UNIQUE INDEX ${own(key)} ON ${key.table} USING btree ${key.definition.replace(/^[A-Z ]+/, '')}`;

const unique = (objects: readonly CatalogObject[]) => [...new Set(objects)];

/** Each view behind those that it reads. */
function inOrder(views: readonly CatalogObject[]): CatalogObject[] {
  const ordered: CatalogObject[] = [];
  const visit = (view: CatalogObject) => {
    if (ordered.includes(view)) return;
    for (const other of views)
      if (
        other !== view &&
        view.needs.some((need) => need === other.name || need.startsWith(`${other.name}.`))
      )
        visit(other);
    ordered.push(view);
  };
  for (const view of views) visit(view);
  return ordered;
}
