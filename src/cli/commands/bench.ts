import {
  type BenchProgress,
  parseSizes,
  type Report,
  reportHtml,
  reportJson,
  runBench,
  WORKLOADS,
} from '../../bench/index.js';
import { ClaireError, EXIT } from '../../errors/index.js';
import { reportText } from '../bench-text.js';
import { defineCommand, type Invocation, option } from '../command.js';
import { Interrupted } from '../interrupt.js';
import { type OutputFile, openOutput } from '../output-file.js';
import { grouped, list } from '../print.js';
import { progress } from '../progress.js';

const NAMES = WORKLOADS.map(({ name }) => name);
const RUNS = '200';
const MOST_RUNS = 1_000_000;

export const bench = defineCommand({
  usage: 'bench [workloads...]',
  summary: 'Measures Claire on this machine, beside what people would use instead.',
  details: [
    'Makes databases of its own, loads them, measures, prints a table and removes them, also after Ctrl-C. ' +
      'Compare the ratios: milliseconds are of one machine. A bar on time that is missed is said, and is no error; ' +
      'a wrong position or a plan that offends ends with 1. Files are written after each workload, so that one that fails takes nothing away from those before.',
    'Without --database-url it starts a server of its own in the temporary directory. DATABASE_URL is not looked at, ' +
      'so that nobody measures on a server in use by accident. On a server that --database-url names, databases ' +
      'claire_bench_… are made and dropped: it takes the right to create databases, up to 25 connections, and leaves ' +
      'the log of all that was loaded to its archive.',
    `Workloads, all of them where none is named:\n${list(WORKLOADS.map(({ name, summary }) => [`  ${name}`, summary]))}`,
  ].join('\n\n'),
  options: [
    option('--rows <sizes>', 'rows of the largest table: 50k, 1m, 10m, or several as 100k,10m').default(
      '50k',
    ),
    option('--runs <n>', 'how often each thing is measured, at most').default(RUNS),
    option('--output <file>', 'write the report as JSON to a file'),
    option('--html <file>', 'write the report as one HTML file with plots, which needs no network'),
  ],
  examples: [
    ['bench', 'every workload at the size of the seed'],
    ['bench seed-queries --rows 100k,10m --html report.html', 'how reads grow, as plots'],
    ['bench write --output write.json', 'the figures for a program'],
  ],
  async run(invocation) {
    const { options, out } = invocation;
    const workloads = chosen(invocation.args);
    const sizes = parseSizes(options.rows as string);
    const runs = countOf(options.runs as string);
    const files = await openFiles(options);
    try {
      const report = await measure(invocation, { workloads, rows: sizes, runs }, files);
      out.answer(report, () => reportText(report));
      const bars = report.results.flatMap((result) => result.bars);
      return bars.some(({ isLaw, kept }) => isLaw && kept === false) ? EXIT.broken : EXIT.ok;
    } finally {
      for (const { file } of files) await file.end();
    }
  },
});

function chosen(names: readonly string[]) {
  const unknown = names.filter((name) => !NAMES.includes(name));
  if (unknown.length > 0)
    throw new ClaireError('usage_invalid', {
      found: `There is no workload ${unknown.join(', ')}; there are ${NAMES.join(', ')}.`,
    });
  return names.length === 0 ? WORKLOADS : WORKLOADS.filter(({ name }) => names.includes(name));
}

function countOf(text: string): number {
  const runs = /^\d+$/.test(text) ? Number(text) : 0;
  if (runs >= 1 && runs <= MOST_RUNS) return runs;
  throw new ClaireError('usage_invalid', {
    found: `--runs is a whole number from 1 to ${grouped(MOST_RUNS)}; found ${JSON.stringify(text)}.`,
  });
}

interface Output {
  file: OutputFile;
  text(report: Report): string | Promise<string>;
}

async function openFiles({ output, html }: Invocation['options']): Promise<Output[]> {
  if (output !== undefined && output === html)
    throw new ClaireError('usage_invalid', { found: '--output and --html name the same file.' });
  const files: Output[] = [];
  if (output !== undefined) files.push({ file: await openOutput(output as string), text: reportJson });
  if (html !== undefined) files.push({ file: await openOutput(html as string), text: reportHtml });
  return files;
}

async function measure(
  { globals, out, signal }: Invocation,
  what: Pick<Parameters<typeof runBench>[0], 'workloads' | 'rows' | 'runs'>,
  files: Output[],
): Promise<Report> {
  if (globals.databaseUrl !== undefined && globals.namedDatabaseUrl === undefined)
    out.note('DATABASE_URL is not used: a bench runs on a server that --database-url names, or on its own.');
  const bar = progress('bench');
  let last = '';
  const show = ({ workload, at, of, what, done, total }: BenchProgress) => {
    const note = `${workload} ${what}`;
    // The bar leaves pictures out that come too fast, but not the first of something new.
    if (note !== last) bar.end();
    last = note;
    if (total === undefined) bar.update(at, of, note);
    else bar.update(done ?? 0, total, note);
  };
  const save = async (report: Report) => {
    for (const { file, text } of files) await file.write(await text(report));
  };
  try {
    return await runBench({
      ...what,
      databaseUrl: globals.namedDatabaseUrl,
      signal,
      onProgress: show,
      onReport: save,
      onNotice: (sentence) => {
        bar.end();
        out.note(sentence);
      },
    });
  } catch (error) {
    if (signal.aborted) throw new Interrupted();
    throw error;
  } finally {
    bar.end();
  }
}
