/**
 * What runs between two moments at which a migration may be interrupted: the statements of one transaction, one
 * statement outside of a transaction, or one statement that is run over the rows of a table in batches.
 */
export interface Step {
  kind: 'transaction' | 'alone' | 'batches';
  /** One statement a message. */
  statements: string[];
  /** SQL that is true where the step is done already, or not for this database. */
  unless?: string;
  /** SQL, as it stands in other steps' `unless`, that is true once this step was run. */
  makes?: string;
  /** Table whose ids are the batches; the statement has its rows between $1 (exclusive) and $2 (inclusive). */
  table?: string;
}

/** How a file is read: as one transaction, or step by step. */
export interface Reading {
  transaction: boolean;
  /** Tables for each of which the file is read once, `{table}` being its name. */
  tables?: readonly string[];
  /** Names of the file's own: `{name}` stands for the SQL. */
  definitions?: Readonly<Record<string, string>>;
}

/**
 * Reads the text of a migration. Outside of one transaction each statement is a step, and so is what stands between
 * `begin;` and `commit;`. A comment before a step may say `unless: SQL`, `makes: SQL` and `batches: TABLE`.
 */
export function readSteps(text: string, { transaction, ...meanings }: Reading): Step[] {
  return expand(text, meanings).flatMap((expanded) => {
    const found = parse(expanded);
    const statements = found.map(({ statement }) => statement);
    return transaction ? [{ kind: 'transaction' as const, statements }] : group(found);
  });
}

/** The text of a file for each of its tables, its names replaced; line by line what stands in the file. */
export function expand(text: string, { tables, definitions = {} }: Omit<Reading, 'transaction'>): string[] {
  const expanded = Object.entries(definitions).reduce(
    (sql, [name, meaning]) => sql.replaceAll(`{${name}}`, meaning),
    text,
  );
  return (tables ?? ['']).map((table) => expanded.replaceAll('{table}', table));
}

/** Cuts SQL into statements; dollar quotes, texts and comments are kept whole. */
export const splitStatements = (text: string): string[] => parse(text).map(({ statement }) => statement);

interface Found {
  statement: string;
  directives: Record<string, string>;
}

const TOKEN = /--[^\n]*|\$(\w*)\$[\s\S]*?\$\1\$|'(?:[^']|'')*'|"[^"]*"|;|[^;'"$-]+|[\s\S]/g;
const DIRECTIVE = /^-- (unless|batches|makes): (.+)$/;

function parse(text: string): Found[] {
  const found: Found[] = [];
  let current: Found = { statement: '', directives: {} };
  for (const [token] of `${text};`.matchAll(TOKEN)) {
    const directive = DIRECTIVE.exec(token);
    if (directive) current.directives[directive[1]!] = directive[2]!;
    else if (token === ';') {
      const statement = current.statement.trim();
      if (statement !== '') {
        found.push({ ...current, statement });
        current = { statement: '', directives: {} };
      }
    } else if (!token.startsWith('--')) current.statement += token;
  }
  return found;
}

function group(found: readonly Found[]): Step[] {
  const steps: Step[] = [];
  let open: Step | undefined;
  for (const { statement, directives } of found) {
    const { unless, batches, makes } = directives;
    const step = (kind: Step['kind'], statements: string[]): Step => ({
      kind,
      statements,
      ...(unless === undefined ? {} : { unless }),
      ...(makes === undefined ? {} : { makes }),
      ...(batches === undefined ? {} : { table: batches }),
    });
    if (statement === 'begin') open = step('transaction', []);
    else if (statement === 'commit' && open) {
      steps.push(open);
      open = undefined;
    } else if (open) open.statements.push(statement);
    else steps.push(step(batches === undefined ? 'alone' : 'batches', [statement]));
  }
  if (open) throw new Error('a migration begins a transaction and does not commit it');
  return steps;
}
