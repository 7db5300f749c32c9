import { indexesOf, nodesOf, type PlanNode, rowsOf, rowsScanned } from '../explain.js';

/** What is known of the book beside a plan. */
export interface Surroundings {
  /** Tables that trading makes grow; a scan of all of another one costs the same for ever. */
  growing: ReadonlySet<string>;
  /** GIN indexes: what they find has no order, so it must be sorted. */
  unordered: ReadonlySet<string>;
}

/** One reason why a plan does not stay as fast as it is. */
export interface Offence {
  /** Names the node. */
  what: string;
  tables: string[];
}

export interface Verdict {
  offences: Offence[];
  /** Rows that were answered, and rows of tables that were read for them. */
  rows: number;
  rowsScanned: number;
  indexes: string[];
}

/**
 * Whether a statement's plan keeps its cost to what it answers: no table that grows is read from end to end, and hardly
 * more of its rows are sorted than are answered. What a statement was given may be sorted; so may what a GIN index has found.
 */
export function judge(root: PlanNode, surroundings: Surroundings): Verdict {
  const nodes = nodesOf(root);
  const rows = rowsOf(root);
  return {
    offences: nodes.flatMap((node) => [...scanned(node, surroundings), ...sorted(node, rows, surroundings)]),
    rows,
    rowsScanned: rowsScanned(root),
    indexes: indexesOf(root),
  };
}

function scanned(node: PlanNode, { growing }: Surroundings): Offence[] {
  const table = node['Relation Name'];
  const isWhole = node['Node Type'] === 'Seq Scan' || node['Node Type'] === 'Sample Scan';
  if (!isWhole || table === undefined || !growing.has(table)) return [];
  return [{ what: `${node['Node Type']} on ${table}`, tables: [table] }];
}

/**
 * So many rows more cost nothing, and a planner is free to sort them. An incremental sort, too, ends with the group in which
 * it has enough: as many rows too many as share a moment.
 */
const FEW = 64;

function sorted(node: PlanNode, answer: number, { growing, unordered }: Surroundings): Offence[] {
  if (!['Sort', 'Incremental Sort'].includes(node['Node Type'])) return [];
  const [input] = node.Plans ?? [];
  if (!input || rowsOf(input) <= answer + FEW) return [];
  const below = nodesOf(input);
  const tables = [...new Set(below.flatMap((each) => each['Relation Name'] ?? []))].filter((name) =>
    growing.has(name),
  );
  if (tables.length === 0 || below.some((each) => unordered.has(each['Index Name'] ?? ''))) return [];
  const key = node['Sort Key']?.join(', ');
  const what = `${node['Node Type']} of ${rowsOf(input)} rows of ${tables.join(', ')} by ${key} for ${answer} that are answered`;
  return [{ what, tables }];
}
