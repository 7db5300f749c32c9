import { identifier, type Queryable } from '../../database/index.js';
import { CORRECTABLE } from '../../operations/index.js';
import type { BrokenLaw, Migrated } from '../../schema/index.js';
import { counted, list, table } from '../print.js';

/** What bringing a book forward has changed in its old rows, and what it has left to people. */
export interface Report {
  /** What was corrected, by table, column and law. */
  corrected: { table: string; column: string; law: string; reason: string; rows: number }[];
  /** Trades whose profit changed, with the sums as decimals; a profit that was NaN counts and is in no sum. */
  profit: { trades: number; not_a_number: number; before: string; after: string } | null;
  /** Each of these trades, up to a number that a person reads. */
  profit_changes: {
    id: string;
    trade: string;
    symbol: string;
    before: string | null;
    after: string | null;
  }[];
  /** Rows moved to quarantine by this run. */
  quarantined: number;
  /** Profit of trades that are in quarantine, and so in no sum of trades. */
  profit_in_quarantine: { trades: number; pnl: string } | null;
  /** Rows that stay because others name them: the first as sentences. */
  kept: string[];
  kept_rows: number;
  /** Laws that old rows break, so that they hold for new rows only. */
  broken: (BrokenLaw & { decide: string | null })[];
}

/** More lines than these belong into a file: `claire corrections` has them all. */
const MOST_CHANGES = 1000;
const MOST_KEPT = 20;

/**
 * Reads it from the record itself, so that a run that goes on after an interruption reports the whole. `isQuiet`: this
 * run has changed nothing, and an earlier one has reported what was corrected.
 */
export async function readReport(database: Queryable, migrated: Migrated, isQuiet: boolean): Promise<Report> {
  const book = identifier(migrated.book);
  const { quarantined, kept } = migrated;
  const report: Report = {
    ...{ corrected: [], profit: null, profit_changes: [], quarantined, profit_in_quarantine: null },
    ...{ kept: kept.slice(0, MOST_KEPT), kept_rows: kept.length },
    broken: migrated.broken.map((law) => ({ ...law, decide: decision(law, migrated) })),
  };
  if (isQuiet || migrated.version === '1.0' || migrated.version === '1.1') return report;
  // A correction by a person names no law.
  report.corrected = await database.query<Report['corrected'][number]>(
    `select table_name as table, column_name as column, law, reason, count(*) as rows
     from ${book}.corrections where law is not null group by 1, 2, 3, 4 order by 1, 2, 3, 4`,
  );
  const changes = `select c.row_id as id, (c.before #>> '{}')::numeric as before, (c.after #>> '{}')::numeric as after
    from ${book}.corrections as c where c.table_name = 'trades' and c.column_name = 'pnl' and c.law is not null`;
  const [profit] = await database.query<NonNullable<Report['profit']>>(
    `select count(*) as trades, count(*) filter (where before = 'NaN') as not_a_number,
       coalesce(sum(before) filter (where before <> 'NaN'), 0)::text as before, coalesce(sum(after), 0)::text as after
     from (${changes}) as c`,
  );
  if (profit!.trades > 0) report.profit = profit!;
  report.profit_changes = await database.query<Report['profit_changes'][number]>(
    `select c.id::text as id, coalesce(t.trade_id, t.order_id, q.row ->> 'order_id', '') as trade,
       coalesce(t.symbol, q.row ->> 'symbol', '') as symbol, c.before::text as before, c.after::text as after
     from (${changes}) as c
     left join ${book}.trades as t on t.id = c.id
     left join ${book}.quarantine as q on t.id is null and q.table_name = 'trades' and q.row_id = c.id and q.state = 'held'
     order by c.id limit ${MOST_CHANGES}`,
  );
  const [aside] = await database.query<NonNullable<Report['profit_in_quarantine']>>(
    `select count(*) as trades, coalesce(sum((row ->> 'pnl')::numeric), 0)::text as pnl
     from ${book}.quarantine where table_name = 'trades' and state = 'held' and row ->> 'pnl' <> 'NaN'`,
  );
  if (aside!.trades > 0) report.profit_in_quarantine = aside!;
  return report;
}

/** The command that decides the first of the rows, with a value for every law that it breaks; null where none can. */
function decision({ table, examples }: BrokenLaw, { book, broken }: Migrated): string | null {
  const row = examples[0];
  const [what, { key }] = Object.entries(CORRECTABLE).find(([, one]) => one.table === table)!;
  const name = row?.[key] ?? row?.id;
  if (!row || !name || name.trim() === '') return null;
  const laws = broken.filter((each) => each.table === table && each.examples.some(({ id }) => id === row.id));
  const columns = new Set(laws.flatMap(({ law }) => columnsOf(table, law, row)));
  const changes = [...columns].map((column) => `${column}=VALUE`).join(' ');
  return `claire correct --reason WHY --book ${book} -- ${what} ${quoted(name)} ${changes}`;
}

/** A law is named after its column. */
function columnsOf(table: string, law: string, row: Record<string, string | null>): string[] {
  const named = law.slice(table.length + 1).replace(/(_decimals)?_check$/, '');
  if (named === 'closed') return row.status === 'OPEN' ? ['status'] : ['exit_price', 'exit_timestamp'];
  return [named === 'type' ? 'event_type' : named];
}

/** A word for a shell. */
const quoted = (word: string): string =>
  /^[\w.:@%+=/,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

export function reportText(report: Report, book: string): string {
  const parts: string[] = [];
  if (report.corrected.length > 0) {
    const head = ['table', 'column', 'rows', 'law', 'why'];
    const rows = report.corrected.map((each) => [
      ...[each.table, each.column, String(each.rows), each.law, each.reason],
    ]);
    parts.push(
      `Old values that had one possible meaning, each recorded in corrections:\n${table(head, rows)}`,
    );
  }
  if (report.profit) parts.push(profitText(report, report.profit, book));
  if (report.quarantined > 0) {
    parts.push(`${counted(report.quarantined, 'row')} moved to quarantine: see \`claire quarantine list\`.`);
  }
  if (report.profit_in_quarantine) {
    const { trades, pnl } = report.profit_in_quarantine;
    parts.push(
      `In quarantine, and in no sum of trades: ${counted(trades, 'trade')} with a profit of ${pnl}.`,
    );
  }
  if (report.kept_rows > 0) {
    const rest = report.kept_rows - report.kept.length;
    const more = rest > 0 ? [`and ${counted(rest, 'row')} more`] : [];
    parts.push(['Not moved to quarantine:', ...report.kept, ...more].join('\n'));
  }
  if (report.broken.length > 0) parts.push(brokenText(report));
  return parts.join('\n\n');
}

function profitText(report: Report, profit: NonNullable<Report['profit']>, book: string): string {
  const shown = report.profit_changes;
  const rest = profit.trades - shown.length;
  return [
    `The profit of ${counted(profit.trades, 'trade')} changed:`,
    table(
      ['id', 'trade', 'symbol', 'before', 'after'],
      shown.map(({ id, trade, symbol, before, after }) => [id, trade, symbol, before, after]),
    ),
    ...(rest > 0
      ? [
          `and ${counted(rest, 'trade')} more: \`claire corrections --table trades --column pnl --limit 10000 --csv --book ${book}\`,` +
            ' and --older-than with the last number for the next page.',
        ]
      : []),
    list([
      ['sum before', profit.before],
      ['sum after', profit.after],
      ...(profit.not_a_number > 0 ? [['NaN before, in no sum', profit.not_a_number] as const] : []),
    ]),
  ].join('\n');
}

function brokenText({ broken, kept_rows }: Report): string {
  const lines = broken.flatMap(({ table: name, law, rows, examples, decide }) => [
    `${law}: ${counted(rows, 'old row')} of ${name}`,
    ...examples.map((row) => `  ${JSON.stringify(row)}`),
    decide ? `  decide with: ${decide}` : '  no command names such a row: move it aside with --quarantine',
  ]);
  return [
    'Old rows without a sure meaning stay where they are. These laws hold for new rows, not yet for old ones:',
    ...lines,
    kept_rows > 0
      ? 'Decide them one by one, first the rows that name them; then run `claire migrate` again.'
      : 'Decide them one by one, or move them all aside with `claire migrate --quarantine`; then run `claire migrate` again.',
  ].join('\n');
}
