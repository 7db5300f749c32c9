import type { Report } from './report.js';
import { sizeText } from './sizes.js';
import type { Bar, Figure, WorkloadResult } from './workload.js';

/** A report as tables of text: what the terminal, the HTML and the Markdown have in common. */
export interface ReportTables {
  /** Name and value: where and when it was measured. */
  about: [name: string, value: string][];
  workloads: WorkloadTables[];
}

export interface WorkloadTables {
  workload: string;
  figures: Table;
  /** What explains the figures, on a line each. */
  facts: Table | undefined;
  bars: Table | undefined;
  /** Facts of several lines, as plans are. */
  long: { title: string; text: string }[];
  notes: string[];
}

export interface Table {
  head: string[];
  rows: string[][];
}

/** What stands at a bar that this run has not kept. */
export const MISSED = 'missed';

/** A line of a table takes no longer fact. */
const SHORT = 80;

export const tablesOf = (report: Report): ReportTables => ({
  about: aboutOf(report),
  workloads: report.results.map(workloadTables),
});

function aboutOf({ version, command, started_at, seconds, machine, server }: Report): ReportTables['about'] {
  const settings = Object.entries(server.settings).map(([name, value]) => `${name} ${value}`);
  return [
    ['command', command],
    ['measured', `${started_at.slice(0, 16).replace('T', ' ')} UTC, in ${seconds} s`],
    ['machine', `${machine.cpu}, ${machine.cores} cores, ${machine.memory_gb} GB, ${machine.system}`],
    ['server', `PostgreSQL ${server.version}, ${server.embedded ? 'embedded' : 'named by --database-url'}`],
    ['settings', settings.join(', ')],
    ['client', `Claire ${version}, Node ${machine.node}`],
  ];
}

function workloadTables({ workload, figures, bars, notes }: WorkloadResult): WorkloadTables {
  const facts = figures.filter((figure) => shortFacts(figure) !== '');
  return {
    workload,
    figures: tableOf(
      ['what', 'by', 'rows', 'runs', 'median', 'p95', 'p99', 'unit', 'compared'],
      figures.map(figureRow),
    ),
    facts:
      facts.length === 0
        ? undefined
        : tableOf(
            ['what', 'by', 'rows', 'facts'],
            facts.map((figure) => [...nameOf(figure), shortFacts(figure)]),
          ),
    bars: bars.length === 0 ? undefined : { head: ['bar', 'wanted', 'measured', ''], rows: bars.map(barRow) },
    long: figures.flatMap((figure) =>
      Object.entries(figure.facts)
        .filter(([, value]) => !isShort(value))
        .map(([name, value]) => ({ title: `${name}: ${titleOf(figure)}`, text: String(value) })),
    ),
    notes,
  };
}

const nameOf = ({ what, by, rows }: Figure): string[] => [what, by, rows === undefined ? '' : sizeText(rows)];

export const titleOf = (figure: Figure): string => nameOf(figure).filter(Boolean).join(', ');

const figureRow = (figure: Figure): string[] => [
  ...nameOf(figure),
  String(figure.runs),
  ...[figure.median, figure.p95, figure.p99].map(numberText),
  figure.unit,
  figure.ratios.map(({ to, ratio }) => `${numberText(ratio)} × ${to}`).join(', '),
];

const barRow = ({ what, bar, measured, kept }: Bar): string[] => [
  what,
  bar,
  measured,
  kept === undefined ? 'not told by this run' : kept ? 'kept' : MISSED,
];

const isShort = (value: string | number): boolean =>
  !/\n/.test(String(value)) && String(value).length <= SHORT;

const shortFacts = ({ facts }: Figure): string =>
  Object.entries(facts)
    .filter(([, value]) => isShort(value))
    .map(([name, value]) => `${name} ${typeof value === 'number' ? numberText(value) : value}`)
    .join('; ');

/** What is done stands once above those who do it; a column of nothing is left out. */
function tableOf(head: string[], rows: string[][]): Table {
  const isUsed = head.map((_, column) => rows.some((row) => row[column] !== ''));
  const used = (row: string[]) => row.filter((_, column) => isUsed[column]);
  const short = rows.map((row, at) => (row[0] === rows[at - 1]?.[0] ? ['', ...row.slice(1)] : row));
  return { head: used(head), rows: short.map(used) };
}

/** Three digits are more than two runs have in common; a count keeps all of its own. */
export function numberText(value: number): string {
  if (Math.abs(value) >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString('en-US');
  return value.toPrecision(3);
}
