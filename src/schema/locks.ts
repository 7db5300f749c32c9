import type { Step } from './steps.js';

/** PostgreSQL's locks of tables, the weaker before the stronger. */
export const LOCKS = [
  'none',
  'ACCESS SHARE',
  'ROW EXCLUSIVE',
  'SHARE UPDATE EXCLUSIVE',
  'SHARE',
  'SHARE ROW EXCLUSIVE',
  'ACCESS EXCLUSIVE',
] as const;
export type Lock = (typeof LOCKS)[number];

/**
 * What is done with every row of a table: found already as it should be (looks), read in one go (reads), read twice for
 * an index (indexes), written in batches (writes), or written with the whole table under its lock (rewrites).
 */
export const WORKS = ['looks', 'reads', 'indexes', 'writes', 'rewrites'] as const;
export type Work = (typeof WORKS)[number];

/** What the others notice of a step. */
export interface Effect {
  /** The strongest lock on what stood before the step. */
  lock: Lock;
  /** What it is on: a table, or an index whose table the statement does not name. */
  relation: string | null;
  work: Work | null;
  /** The table whose rows `work` goes through. */
  table: string | null;
}

/** An effect of one statement; a relation that it creates is nobody else's before the commit. */
interface Rule extends Partial<Effect> {
  creates?: string;
}

const RULES: readonly (readonly [head: RegExp, rule: (name: string, statement: string) => Rule])[] = [
  [/^create table (?:if not exists )?(\w+)/, (creates) => ({ creates })],
  [/^create (?:or replace )?view (\w+)/, () => ({})],
  [/^create (?:or replace )?function (\w+)/, (_name, sql) => writtenBy(sql)],
  // A block that makes functions again from their own text.
  [/^(pg_get_functiondef)/, () => ({})],
  [/^drop function (?:if exists )?(\w+)/, () => ({})],
  [/^alter function (\w+)/, () => ({})],
  [/^(?:revoke|grant) execute on function\s+(\w+)/, () => ({})],
  [
    /^create materialized view (?:if not exists )?(\w+)/,
    (creates, sql) => ({ creates, ...reads(source(sql)), lock: 'ACCESS SHARE', relation: source(sql) }),
  ],
  [
    /^create (?:unique )?index concurrently (?:if not exists )?\w+ on (\w+)/,
    (table) => ({ lock: 'SHARE UPDATE EXCLUSIVE', relation: table, work: 'indexes', table }),
  ],
  [
    /^create (?:unique )?index (?:if not exists )?\w+ on (\w+)/,
    (table) => ({ lock: 'SHARE', relation: table, work: 'indexes', table }),
  ],
  [
    /^(?:drop index concurrently (?:if exists )?|alter index )(\w+)/,
    (relation) => ({ lock: 'SHARE UPDATE EXCLUSIVE', relation }),
  ],
  [/^drop index (?:if exists )?(\w+)/, (relation) => ({ lock: 'ACCESS EXCLUSIVE', relation })],
  [/^select (set_config)\(/, () => ({})],
  // Reads orders by their index on the state; both tables that it writes came with the same version.
  [/^select (record_waiting_orders)\(/, () => ({ lock: 'ROW EXCLUSIVE', relation: 'decisions' })],
  [/^alter sequence (\w+)/, (relation) => ({ lock: 'SHARE ROW EXCLUSIVE', relation })],
  [
    /^create (?:or replace )?trigger \w+\s+(?:before|after) [a-z ]+ on (\w+)/,
    (relation) => ({ lock: 'SHARE ROW EXCLUSIVE', relation }),
  ],
  [/^drop trigger \w+ on (\w+)/, (relation) => ({ lock: 'ACCESS EXCLUSIVE', relation })],
  [/^lock table (\w+) in access exclusive mode/, (relation) => ({ lock: 'ACCESS EXCLUSIVE', relation })],
  [/^drop materialized view if exists (\w+)/, (relation) => ({ lock: 'ACCESS EXCLUSIVE', relation })],
  [/^alter table (\w+)/, alterTable],
  [/^insert into (\w+)/, (relation, sql) => ({ lock: 'ROW EXCLUSIVE', relation, ...reads(source(sql)) })],
  [/^(do) \$/, (_do, block) => strongest(insideOf(block).map(ruleOf))],
];

/** The functions that are run over the rows of a table, in batches. */
const BATCHES: readonly (readonly [head: RegExp, lock: Lock, work: Work])[] = [
  [/^select copy_ids\(/, 'ROW EXCLUSIVE', 'writes'],
  [/^select mend_rows\(/, 'ROW EXCLUSIVE', 'looks'],
  [/^select id::text as id, /, 'ACCESS SHARE', 'looks'],
];

/** @throws Error where no rule knows a statement: a defect of the package, which a test finds. */
export function effectOf({ kind, statements, table }: Step): Effect {
  if (kind !== 'batches') return strongest(statements.map(ruleOf));
  const known = BATCHES.find(([head]) => head.test(statements[0]!));
  if (!known || table === undefined) throw unknown(statements[0]!);
  const [, lock, work] = known;
  return { lock, relation: table, work, table };
}

/** Who waits, in plain words. */
export function whoWaits({ lock, work }: Effect): string {
  const until = work === 'rewrites' ? 'while its rows are rewritten, 2 MB at most' : 'for a moment';
  if (lock === 'ACCESS EXCLUSIVE') return `everyone, ${until}`;
  if (lock === 'SHARE ROW EXCLUSIVE' || lock === 'SHARE') return `who writes rows, ${until}`;
  if (lock === 'ROW EXCLUSIVE' && work === 'writes') return 'who writes the same rows, for a moment';
  return lock === 'none' ? 'nobody' : 'nobody who reads or writes rows';
}

function ruleOf(statement: string): Rule {
  for (const [head, rule] of RULES) {
    const match = head.exec(statement);
    if (match) return rule(match[1]!, statement);
  }
  throw unknown(statement);
}

const unknown = (statement: string) =>
  new Error(`no rule in schema/locks.ts knows what this locks: ${statement.slice(0, 80)}`);

/** Of several statements in one transaction, without what only they can see. */
function strongest(rules: readonly Rule[]): Effect {
  const isOwn = (name: string | null | undefined) => rules.some(({ creates }) => creates && creates === name);
  const effect: Effect = { lock: 'none', relation: null, work: null, table: null };
  for (const { lock, relation = null, work, table = null } of rules) {
    if (lock && !isOwn(relation) && LOCKS.indexOf(lock) > LOCKS.indexOf(effect.lock)) {
      Object.assign(effect, { lock, relation });
    }
    if (work && !isOwn(table) && WORKS.indexOf(work) > (effect.work ? WORKS.indexOf(effect.work) : -1)) {
      Object.assign(effect, { work, table });
    }
  }
  return effect;
}

const TYPE_CHANGE = /\balter column \S+ type (\w+)/g;

function alterTable(relation: string, statement: string): Rule {
  if (/^alter table \w+\s+validate constraint/.test(statement)) {
    return { lock: 'SHARE UPDATE EXCLUSIVE', ...reads(relation), relation };
  }
  // How a table is kept, as autovacuum does it.
  if (/^alter table \w+ set \(/.test(statement)) return { lock: 'SHARE UPDATE EXCLUSIVE', relation };
  if (/\b(foreign key|references)\b/.test(statement)) throw unknown(statement);
  const count = (pattern: RegExp) => [...statement.matchAll(pattern)].length;
  // To NUMERIC without a scale, or wider with the same, nothing is rewritten; under a lock no other change is taken.
  const isRewritten = [...statement.matchAll(TYPE_CHANGE)].some(([, type]) => type !== 'numeric');
  const isRead = count(/\badd constraint \w+ check\b/g) > count(/\bnot valid\b/g);
  return {
    ...{ lock: 'ACCESS EXCLUSIVE', relation },
    ...(isRewritten ? { work: 'rewrites', table: relation } : isRead ? reads(relation) : {}),
  };
}

const reads = (table: string | null): Rule => (table === null ? {} : { work: 'reads', table });

/** The body of a function in SQL is parsed when it is made, and locks what it will write until the commit. */
function writtenBy(definition: string): Rule {
  if (!/\blanguage sql\b/.test(definition)) return {};
  const relation = /\b(?:insert into|delete from|update) (\w+)/.exec(definition)?.[1];
  return relation === undefined ? {} : { lock: 'ROW EXCLUSIVE', relation };
}

/** The table that a query reads first, if it reads one. */
const source = (sql: string): string | null => /\bfrom (\w+)/.exec(sql)?.[1] ?? null;

const INSIDE =
  /\b(?:pg_get_functiondef|lock table \w+ in \w+ \w+ mode|alter table \w+ |drop materialized view if exists \w+)[^;']*/g;

/** The statements of a block that lock something, those it builds as text included. */
function insideOf(block: string): string[] {
  const found = block.match(INSIDE);
  if (!found) throw unknown(block);
  return found;
}
