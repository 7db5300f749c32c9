import type { CatalogObject } from './catalog.js';
import { LATEST_VERSION } from './files.js';
import { own } from './mend-statements.js';

/** The catalog of a book as one text, table by table and then by kind: what a reviewer reads of a change of schema. */
export function snapshotText(catalog: readonly CatalogObject[]): string {
  const of = (table: string | null, ...kinds: CatalogObject['kind'][]) =>
    catalog.filter((one) => one.table === table && kinds.includes(one.kind));
  const relation = (one: CatalogObject) => [
    heading(one.name),
    ...(one.kind === 'table' ? createTable(one, catalog) : toStatements(one)),
    ...of(one.name, 'setting').map(
      (each) => `alter table ${one.name} set (${own(each)} = ${each.definition});`,
    ),
    ...of(one.name, 'sequence', 'index', 'trigger', 'rule').flatMap(toStatements),
  ];
  return `${[
    `-- The schema of a book at ${LATEST_VERSION}, as PostgreSQL 18 writes it. Made by \`npm run docs\`: do not edit.`,
    '-- Columns are sorted by name. For reading; books are made by sql/migrations.',
    ...of(null, 'table').flatMap(relation),
    ...of(null, 'view', 'materialized view').flatMap(relation),
    heading('functions'),
    ...of(null, 'function', 'sequence').flatMap(toStatements),
  ].join('\n\n')}\n`;
}

const heading = (name: string): string => `-- ${name} ${'-'.repeat(Math.max(3, 100 - name.length))}`;

function createTable(table: CatalogObject, catalog: readonly CatalogObject[]): string[] {
  const lines = catalog
    .filter((one) => one.table === table.name && (one.kind === 'column' || one.kind === 'constraint'))
    .map((one) => `  ${one.kind === 'constraint' ? 'constraint ' : ''}${own(one)} ${one.definition}`);
  return [`${table.definition} (\n${lines.join(',\n')}\n)`, ...table.also].map(ended);
}

const toStatements = ({ definition, also }: CatalogObject): string[] => [definition, ...also].map(ended);

const ended = (statement: string): string => `${statement};`;
