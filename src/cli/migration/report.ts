import { identifier, type Queryable } from '../../database/index.js';
import type { BrokenLaw, Migrated } from '../../schema/index.js';
import { counted, list, table } from '../print.js';

/** What bringing a book forward has changed in its old rows, and what it has left to people. */
export interface Report {
  /** What was corrected, by table, column and law. */
  corrected: { table: string; column: string; law: string; reason: string; rows: number }[];
  /** Sums of the profit of trades whose profit changed, before and after, as decimals. */
  profit: { trades: number; before: string; after: string } | null;
  /** Each of these trades, up to a number that a person reads. */
  profit_changes: {
    id: number;
    trade: string;
    symbol: string;
    before: string | null;
    after: string | null;
  }[];
  quarantined: number;
  /** Rows that stay because others name them. */
  kept: string[];
  /** Laws that old rows break, so that they hold for new rows only. */
  broken: (BrokenLaw & { decide: string })[];
}

/** More lines than these belong into a file: `claire corrections` has them all. */
const MOST_CHANGES = 1000;

/**
 * Reads it from the record itself, so that a run that goes on after an interruption reports the whole. `isDone`: there
 * was nothing to apply, and an earlier run has reported what was corrected.
 */
export async function readReport(database: Queryable, migrated: Migrated, isDone: boolean): Promise<Report> {
  const book = identifier(migrated.book);
  const { quarantined, kept } = migrated;
  const broken = migrated.broken.map((law) => ({ ...law, decide: decision(law, migrated.book) }));
  if (isDone || migrated.version === '1.0' || migrated.version === '1.1') {
    return { corrected: [], profit: null, profit_changes: [], quarantined, kept, broken };
  }
  // A correction by a person names no law.
  const corrected = await database.query<Report['corrected'][number]>(
    `select table_name as table, column_name as column, law, reason, count(*) as rows
     from ${book}.corrections where law is not null group by 1, 2, 3, 4 order by 1, 2, 3, 4`,
  );
  const changes = `select c.row_id as id, (c.before #>> '{}')::numeric as before, (c.after #>> '{}')::numeric as after
    from ${book}.corrections as c where c.table_name = 'trades' and c.column_name = 'pnl' and c.law is not null`;
  const [profit] = await database.query<NonNullable<Report['profit']>>(
    `select count(*) as trades, coalesce(sum(before), 0)::text as before, coalesce(sum(after), 0)::text as after
     from (${changes}) as c where before is distinct from 'NaN'`,
  );
  const profit_changes = await database.query<Report['profit_changes'][number]>(
    `select c.id, coalesce(t.trade_id, t.order_id, '') as trade, coalesce(t.symbol, '') as symbol,
       c.before::text as before, c.after::text as after
     from (${changes}) as c left join ${book}.trades as t on t.id = c.id
     order by c.id limit ${MOST_CHANGES}`,
  );
  return {
    corrected,
    profit: profit!.trades > 0 ? profit! : null,
    profit_changes,
    quarantined,
    kept,
    broken,
  };
}

const COMMAND: Record<string, string> = {
  signals: 'signal',
  orders: 'order',
  trades: 'trade',
  risk_events: 'risk-event',
};
const KEY: Record<string, string> = {
  signals: 'signal_id',
  orders: 'order_id',
  trades: 'trade_id',
  risk_events: 'event_id',
};

/** The command that decides the first of the rows; the column is what the law is named after. */
function decision({ table, law, examples }: BrokenLaw, book: string): string {
  const row = examples[0] ?? {};
  const name = row[KEY[table]!] ?? row.id;
  const named = law.slice(table.length + 1).replace(/(_decimals)?_check$/, '');
  const columns =
    named === 'closed' ? ['exit_price', 'exit_timestamp'] : [named === 'type' ? 'event_type' : named];
  const changes = columns.map((column) => `${column}=VALUE`).join(' ');
  return `claire correct ${COMMAND[table]} ${name} ${changes} --reason WHY --book ${book}`;
}

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
  if (report.kept.length > 0) parts.push(`Not moved to quarantine:\n${report.kept.join('\n')}`);
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
      shown.map(({ id, trade, symbol, before, after }) => [String(id), trade, symbol, before, after]),
    ),
    ...(rest > 0
      ? [`and ${counted(rest, 'trade')} more: \`claire corrections --table trades --csv --book ${book}\``]
      : []),
    list([
      ['sum before', profit.before],
      ['sum after', profit.after],
    ]),
  ].join('\n');
}

function brokenText({ broken }: Report): string {
  const lines = broken.flatMap(({ table: name, law, rows, examples, decide }) => [
    `${law}: ${counted(rows, 'old row')} of ${name}`,
    ...examples.map((row) => `  ${JSON.stringify(row)}`),
    `  decide with: ${decide}`,
  ]);
  return [
    'Old rows without a sure meaning stay where they are. These laws hold for new rows, not yet for old ones:',
    ...lines,
    'Decide them one by one, or move them all aside with `claire migrate --quarantine`; then run `claire migrate` again.',
  ].join('\n');
}
