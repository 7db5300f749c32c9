import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { clientEnvironment } from '../../../config.js';
import { type BareClient, copyIn } from '../../../database/index.js';
import { spread, timed } from '../../measure.js';
import type { Undo } from '../../undo.js';
import type { Bar, Figure } from '../../workload.js';
import { COPY, cellsOf, copyText, NAMES, signalOf, signalsFrom } from './signals.js';

const COMMAND = fileURLToPath(new URL('../../../../bin/claire.js', import.meta.url));
const ARGUMENTS = [COMMAND, 'import', 'signals', '-', '--format', 'csv', '--book', 'main', '--json'];

const LIMIT_MB = 150;
/** The last quarter may hold this much more than the first: less than a garbage collector leaves between two runs. */
const GROWTH = 1.1;
/** Below, a process has hardly warmed up. */
const ENOUGH_ROWS = 1_000_000;
const EVERY_MS = 100;

export interface Import {
  rows: number;
  took: number;
  /** Resident memory in MB, every 100 ms, and the highest ever; undefined where the system does not tell it. */
  memory: { samples: number[]; highest: number } | undefined;
}

/** Runs `claire import` as a process of its own, with the file on its standard input. */
export async function importFile(
  databaseUrl: string,
  rows: number,
  undo: Undo,
  onRows: (done: number) => void,
): Promise<Import> {
  const child = spawn(process.execPath, ARGUMENTS, {
    // In the environment, which only its owner can read: it may hold a password.
    env: { ...clientEnvironment(), DATABASE_URL: databaseUrl },
  });
  undo.add(async () => void child.kill());
  const begun = performance.now();
  const memory = watch(child);
  // A command that ended early closes the pipe; why, it says itself.
  const written = pipeline(Readable.from(csvOf(rows, onRows)), child.stdin).catch(() => {});
  const said = Promise.all([textOf(child.stdout), textOf(child.stderr)]);
  const [code] = (await once(child, 'close')) as [number | null];
  const took = performance.now() - begun;
  await written;
  const [stdout, stderr] = await said;
  const recorded = code === 0 ? (JSON.parse(stdout) as { recorded: number }).recorded : undefined;
  if (recorded !== rows) throw new Error(`claire import ended with ${code}: ${stdout}${stderr}`);
  return { rows, took, memory: await memory };
}

async function textOf(stream: Readable): Promise<string> {
  let text = '';
  for await (const part of stream.setEncoding('utf8')) text += part;
  return text;
}

const CHUNK = 64 * 1024;
const BATCH = 1000;

/** Writes the same rows with COPY, on one connection. Gives the milliseconds. */
export function copyFile(client: BareClient, rows: number, onRows: (done: number) => void): Promise<number> {
  function* parts() {
    for (let n = 0; n < rows; n += BATCH) {
      yield Buffer.from(copyText(signalsFrom('copied_', n, Math.min(BATCH, rows - n))));
      onRows(n);
    }
  }
  return timed(() => copyIn(client, COPY, Readable.from(parts())));
}

function* csvOf(rows: number, onRows: (done: number) => void): Generator<Buffer> {
  let text = `${NAMES.join(',')}\n`;
  for (let n = 0; n < rows; n++) {
    const cells = cellsOf(signalOf('imported_', n));
    text += `${cells.map((cell) => (cell?.startsWith('{') ? `"${cell.replaceAll('"', '""')}"` : (cell ?? ''))).join(',')}\n`;
    if (text.length < CHUNK) continue;
    yield Buffer.from(text);
    onRows(n + 1);
    text = '';
  }
  yield Buffer.from(text);
}

/** Looks at the memory of a process until it has ended. Linux only. */
async function watch(child: ChildProcessWithoutNullStreams): Promise<Import['memory']> {
  const samples: number[] = [];
  let highest = 0;
  const timer = setInterval(async () => {
    const text = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
    const megabytes = (name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) / 1024;
    if (megabytes('VmRSS') === 0) return;
    samples.push(megabytes('VmRSS'));
    highest = megabytes('VmHWM');
  }, EVERY_MS);
  await once(child, 'exit');
  clearInterval(timer);
  return samples.length === 0 ? undefined : { samples, highest };
}

/** Medians of the first and of the last quarter of the samples. */
export function quarters(samples: readonly number[]): { first: number; last: number } {
  const size = Math.ceil(samples.length / 4);
  return { first: spread(samples.slice(0, size)).median, last: spread(samples.slice(-size)).median };
}

const WHAT = 'signals from a file';
const BY = 'claire import';
const COPIED = 'pg, COPY';

/** Rate and memory of one import, beside COPY of the same rows. */
export function importFigures({ rows, took, memory }: Import, copyTook: number): Figure[] {
  const common = { by: BY, rows, ratios: [] };
  const rate: Figure = {
    ...common,
    what: WHAT,
    unit: 'rows/s',
    facts: { seconds: round(took / 1000) },
    ...spread([(rows * 1000) / took]),
    ratios: [{ to: COPIED, ratio: copyTook / took }],
  };
  const copied: Figure = {
    ...common,
    what: WHAT,
    by: COPIED,
    unit: 'rows/s',
    facts: { seconds: round(copyTook / 1000) },
    ...spread([(rows * 1000) / copyTook]),
  };
  if (!memory) return [rate, copied];
  const { first, last } = quarters(memory.samples);
  const facts = {
    highest_mb: round(memory.highest),
    first_quarter_mb: round(first),
    last_quarter_mb: round(last),
  };
  return [
    rate,
    copied,
    { ...common, what: `${WHAT}: memory of the process`, unit: 'MB', facts, ...spread(memory.samples) },
  ];
}

export function importBars({ rows, memory }: Import): Bar[] {
  if (!memory) return [];
  const { first, last } = quarters(memory.samples);
  const what = `${WHAT} of ${rows.toLocaleString('en-US')} rows: `;
  const judged = (kept: boolean) => (rows < ENOUGH_ROWS ? {} : { kept });
  return [
    {
      what: `${what}highest memory`,
      bar: `≤ ${LIMIT_MB} MB`,
      measured: `${round(memory.highest)} MB`,
      ...judged(memory.highest <= LIMIT_MB),
    },
    {
      what: `${what}memory of the last quarter`,
      bar: `≤ ${GROWTH} × the first quarter`,
      measured: `${(last / first).toFixed(2)} (${round(first)} and ${round(last)} MB)`,
      ...judged(last <= first * GROWTH),
    },
  ];
}

const round = (value: number): number => Math.round(value * 10) / 10;
