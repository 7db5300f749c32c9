import { stat } from 'node:fs/promises';
import type { Claire } from '../../claire.js';
import { ClaireError, EXIT, type ExitCode } from '../../errors/index.js';
import type { Outcome } from '../../operations/index.js';
import {
  FORMATS,
  type Format,
  formatOf,
  type ImportResult,
  importRows,
  openFile,
  outcomesOf,
  type Source,
} from '../../services/index.js';
import { defineCommand, type Invocation, option } from '../command.js';
import { keepHeapSmall } from '../heap.js';
import { columnsOf, KINDS, type Kind } from '../import-kinds.js';
import { counted, grouped, list } from '../print.js';
import { openProblems, type Problems } from '../problems.js';
import { progress } from '../progress.js';
import { withBook } from '../session.js';

const WHAT = Object.keys(KINDS).join(', ');

export const importCommand = defineCommand({
  usage: 'import <what> <file>',
  summary: 'Brings the rows of a file into the record, in batches of 1,000; each row has its own outcome.',
  details:
    `WHAT is one of ${WHAT}.\n` +
    'FILE is CSV with a header of field names, or JSON lines (.jsonl, .ndjson); - is standard input. The fields are those\n' +
    'that the library takes (docs/reference/operations.md). In CSV an empty cell is left out, and metadata and details hold\n' +
    'JSON text. Bring signals before their orders, orders before their fills and trades, trades before their closes.\n' +
    'A row that a law refuses, or whose id holds something else, does not stop the others: then the exit code is 4. A line\n' +
    'that cannot be read does, with exit code 2: the rows before it are recorded. The same import again changes nothing.',
  options: [
    option('--format <format>', 'format of the file, where its name does not tell it').choices(FORMATS),
    option(
      '--refused <file>',
      'write each row that was not recorded to this file, as JSON lines with the reason',
    ),
  ],
  examples: [
    ['import signals signals.csv', 'the header is signal_id,symbol,side,price,confidence,timestamp'],
    [
      'import closes closes.jsonl --refused refused.jsonl',
      'trades with their exits; what is refused goes to a file',
    ],
    ['import trades - --format csv < trades.csv', 'from another program'],
  ],
  async run(invocation) {
    keepHeapSmall();
    const [what, file] = invocation.args as [string, string];
    const kind = KINDS[what];
    if (!kind)
      throw new ClaireError('usage_invalid', { found: `What can be imported: ${WHAT}, not ${what}.` });
    const source = await openSource(file, invocation.options.format as Format | undefined);
    let problems: Problems | undefined;
    try {
      problems = await openRefused(invocation.options.refused as string | undefined, file);
      return await run(invocation, { kind, source, problems });
    } finally {
      source.stream.destroy();
      await problems?.close();
    }
  },
});

interface Import {
  kind: Kind;
  source: Source;
  problems: Problems;
}

async function run(invocation: Invocation, given: Import): Promise<ExitCode> {
  const { args, globals, out } = invocation;
  const work = (claire: Claire) => record(invocation.signal, given, claire);
  const result = await withBook(invocation, 'claire', work, { endsItself: true });
  const { file, first } = given.problems;
  const problems = file === undefined ? { problems: first } : { problems_file: file };
  out.answer({ book: globals.book, what: args[0], file: given.source.name, ...result, ...problems }, () =>
    importText(result, given.problems, `${args[0]} read into book ${globals.book}`),
  );
  if (!result.finished) return EXIT.interrupted;
  return result.refused + result.conflict > 0 ? EXIT.refused : EXIT.ok;
}

async function openSource(file: string, given: Format | undefined): Promise<Source> {
  const format = given ?? formatOf(file);
  if (!format) {
    const found =
      file === '-'
        ? 'Standard input has no name'
        : `The name ${file} does not end in .csv, .jsonl or .ndjson`;
    throw new ClaireError('usage_invalid', { found: `${found}: say --format csv or --format jsonl.` });
  }
  if (file !== '-') return openFile(file, format);
  return { name: 'standard input', format, stream: process.stdin, size: undefined };
}

/** A file that is begun anew must not be the one that is read. */
async function openRefused(path: string | undefined, source: string): Promise<Problems> {
  const identity = async (name: string) =>
    stat(name).then(
      ({ dev, ino }) => `${dev} ${ino}`,
      () => undefined,
    );
  if (path !== undefined && source !== '-' && (await identity(path)) === (await identity(source))) {
    throw new ClaireError('usage_invalid', {
      found: `--refused ${path} would overwrite the file that is imported.`,
    });
  }
  return openProblems(path);
}

async function record(
  signal: AbortSignal,
  { kind, source, problems }: Import,
  claire: Claire,
): Promise<ImportResult> {
  const bar = progress('import');
  try {
    return await importRows({
      ...{ source, signal, columns: columnsOf(kind), key: kind.key },
      record: claire[kind.verb] as (rows: unknown) => Promise<Outcome[]>,
      onProblems: problems.take,
      onProgress: ({ rows }, bytes) =>
        bar.update(bytes, source.size, `${source.size ? '' : 'bytes, '}${grouped(rows)} rows`),
    });
  } finally {
    bar.end();
  }
}

function importText(result: ImportResult, { first, file }: Problems, what: string): string {
  const outcomes = outcomesOf(result).map(([name, count]) => [name, grouped(count)] as const);
  const lines = first.map(({ line, id, message }) => `line ${line}, ${id}: ${message}`);
  const rest = result.refused + result.conflict - first.length;
  const more =
    file === undefined
      ? `… and ${counted(rest, 'row')} more; --refused FILE takes them all.`
      : `Why they were not recorded: ${file}`;
  return [
    `${counted(result.rows, 'row')} of ${what}:`,
    list(outcomes),
    ...lines,
    ...(rest > 0 ? [more] : []),
    ...(result.finished ? [] : ['Ended before the last row: the same command again goes on from there.']),
  ].join('\n');
}
