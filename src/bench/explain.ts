import { type BareClient, identifier } from '../database/index.js';
import { type Operations, type Statement, statementsOf } from '../operations/index.js';

export type { Statement };

/** A node of a plan, as far as it is read here. */
export interface PlanNode {
  'Node Type': string;
  'Parallel Aware'?: boolean;
  'Scan Direction'?: string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Sort Key'?: readonly string[];
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Index Recheck'?: number;
  'Shared Hit Blocks'?: number;
  'Shared Read Blocks'?: number;
  Plans?: PlanNode[];
}

export interface Explained {
  Plan: PlanNode;
  'Planning Time': number;
  'Execution Time': number;
}

/** Rows that a node gave, in all its loops: the counts are means of the loops, with two decimals. */
export const rowsOf = (node: PlanNode): number => Math.round(node['Actual Rows'] * node['Actual Loops']);

/** The node and all below it. */
export const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

/** A plan as one line: what is left of `<` works on what is right of it. */
export function shapeOf(node: PlanNode): string {
  const backward = node['Scan Direction'] === 'Backward' ? ' Backward' : '';
  const name = node['Index Name'] ?? node['Relation Name'];
  const own = `${node['Parallel Aware'] ? 'Parallel ' : ''}${node['Node Type']}${backward}${name ? ` ${name}` : ''}`;
  const below = (node.Plans ?? []).map(shapeOf);
  if (below.length === 0) return own;
  return `${own} < ${below.length === 1 ? below[0] : `(${below.join('; ')})`}`;
}

/**
 * Rows that the scans of tables looked at, those that their conditions threw away included. A bitmap counts once, where
 * it reads the table.
 */
export function rowsScanned(plan: PlanNode): number {
  const scanned = nodesOf(plan)
    .filter((node) => node['Relation Name'] !== undefined && node['Node Type'].endsWith('Scan'))
    .map((node) => {
      const removed = (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0);
      return (node['Actual Rows'] + removed) * node['Actual Loops'];
    });
  // The counts are means of the loops, with two decimals.
  return Math.round(scanned.reduce((sum, rows) => sum + rows, 0));
}

/** The indexes that a plan uses, each once. */
export const indexesOf = (plan: PlanNode): string[] => [
  ...new Set(nodesOf(plan).flatMap((node) => node['Index Name'] ?? [])),
];

/** SQL that tells how a statement was run, by running it. */
export const explaining = (text: string): string =>
  `explain (analyze, buffers, timing off, format json) ${text}`;

/** Runs a statement once more and gives what explains its figure. */
export async function explain(client: BareClient, { text, values }: Statement) {
  const result = await client.query<{ 'QUERY PLAN': [Explained] }>(explaining(text), values as unknown[]);
  const { Plan: plan, ...times } = result.rows[0]!['QUERY PLAN'][0];
  return {
    server_ms: Number((times['Planning Time'] + times['Execution Time']).toFixed(3)),
    planning_ms: times['Planning Time'],
    rows_scanned: rowsScanned(plan),
    index: indexesOf(plan).join(', ') || 'none',
    pages: (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0),
    plan: shapeOf(plan),
  };
}

/** The statement that a read of the library issues on the book `main`, without issuing it. */
export const statementOf = async (name: keyof Operations, input: unknown): Promise<Statement> =>
  (await statementsOf(name, input, identifier('main')))[0]!;
