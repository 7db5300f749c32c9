import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  createBackup,
  findDumpTools,
  type Kind,
  LEVELS,
  writeLogical,
  writePhysical,
} from '../../backup/index.js';
import { clientEnvironment } from '../../config.js';
import { binariesOf, startEmbedded } from '../../database/embedded/index.js';
import { LATEST_VERSION } from '../../schema/index.js';
import { ratioBar } from '../bars.js';
import { makeBook } from '../book.js';
import { loadBook } from '../data.js';
import { rotated, spread, timed } from '../measure.js';
import { openPlace, type Place, temporaryData } from '../place.js';
import type { Figure, Workload, WorkloadOptions } from '../workload.js';

const DATABASE = 'backup';
const PHYSICAL = 'physical';
const LOGICAL = 'logical';
const BASE_BACKUP = 'pg_basebackup';
const PG_DUMP = 'pg_dump -Fc';
/** A backup takes seconds: the ratio of medians is steady after a few. */
const RUNS = 5;

export const backup: Workload = {
  name: 'backup',
  summary:
    'physical beside pg_basebackup at the same level of gzip, logical beside pg_dump -Fc, each at its default',
  async run(options) {
    const notes: string[] = [];
    const own = await placeWithTools(options, notes);
    if (!own) return { workload: 'backup', figures: [], bars: [], notes };
    const { place, tools } = own;
    const rows = Math.max(...options.rows);
    const book = await makeBook(
      { ...options, place },
      DATABASE,
      LATEST_VERSION,
      (client, withIds, onProgress) => loadBook(client, rows, withIds, onProgress),
    );
    await book.close();
    const target = await mkdtemp(join(tmpdir(), 'claire-bench-backup-'));
    place.undo.add(() => rm(target, { recursive: true, force: true }), `directory ${target}`);
    options.onProgress(`backups of ${rows.toLocaleString('en-US')} signals`);
    const subjects = subjectsOf({ url: book.url, target, tools, signal: options.signal });
    const runs = Math.min(options.runs, RUNS);
    const values = new Map<string, number[]>(subjects.map(({ name }) => [name, []]));
    for (let turn = 0; turn < runs; turn++) {
      for (const { name, run } of rotated(subjects, turn)) {
        options.signal.throwIfAborted();
        values.get(name)!.push(await timed(run));
      }
    }
    const median = (name: string) => spread(values.get(name)!).median;
    const sizes = await Promise.all(subjects.map(({ size }) => size()));
    const other: Record<string, string> = { [PHYSICAL]: BASE_BACKUP, [LOGICAL]: PG_DUMP };
    const figures = subjects.map(({ name }, at): Figure => {
      const to = other[name];
      return {
        ...{ what: 'backup', by: name, unit: 'ms', rows, ...spread(values.get(name)!) },
        facts: { 'MB written': Math.round(sizes[at]! / 1e5) / 10 },
        ratios: to ? [{ to, ratio: median(to) / median(name) }] : [],
      };
    });
    const says = runs === RUNS && rows >= 1_000_000;
    notes.push('A ratio is of speed: the median time of the program of PostgreSQL over ours.');
    const bar = (ours: string, least: number) =>
      ratioBar(`${ours} backup`, median(other[ours]!) / median(ours), { atLeast: least }, other[ours]!, says);
    return { workload: 'backup', figures, bars: [bar(PHYSICAL, 0.8), bar(LOGICAL, 1)], notes };
  },
};

/** A server whose own programs stand beside it: PostgreSQL 15 of the machine, where the embedded one has none. */
async function placeWithTools(
  options: WorkloadOptions,
  notes: string[],
): Promise<{ place: Place; tools: string } | undefined> {
  const { place } = options;
  const { rows } = await place.admin.query<{ major: number }>(
    `select current_setting('server_version_num')::int / 10000 as major`,
  );
  const there = await toolsFor(rows[0]!.major);
  if (there) return { place, tools: there };
  const [binaries, tools] = [(await binariesOf(15))?.binaries, await toolsFor(15)];
  if (binaries === undefined || tools === undefined) {
    notes.push(
      'Not measured: neither this server nor PostgreSQL 15 has pg_dump and pg_basebackup on this machine.',
    );
    return undefined;
  }
  const server = await startEmbedded({ dataDir: await temporaryData(place.undo), binaries });
  notes.push(`On PostgreSQL ${server.major}, because pg_dump and pg_basebackup of it are on this machine.`);
  return { place: await openPlace(server.url('postgres', { showSecrets: true }), place.undo), tools };
}

async function toolsFor(major: number): Promise<string | undefined> {
  const found = await findDumpTools(major).catch(() => undefined);
  return found?.major === major ? dirname(found.pgDump) : undefined;
}

interface Subjects {
  url: string;
  target: string;
  /** Directory of the programs. */
  tools: string;
  signal: AbortSignal;
}

function subjectsOf({ url, target, tools, signal }: Subjects) {
  let run = 0;
  let last: Record<string, () => Promise<number>> = {};
  const ours = (kind: Kind, name: string) => ({
    name,
    async run() {
      const backups = join(target, `${name}-${run++}`);
      const coding = { gzip: LEVELS[kind], signal };
      const taken = await createBackup({ backups, kind, of: 'main', coding }, (writing) =>
        kind === 'logical'
          ? writeLogical({ url, book: 'main' }, writing)
          : writePhysical({ url, books: ['main'], signal }, writing),
      );
      last = { ...last, [name]: async () => taken.side!.files.reduce((sum, { bytes }) => sum + bytes, 0) };
    },
    size: () => last[name]!(),
  });
  const theirs = (name: string, args: (at: string) => string[], file: string) => ({
    name,
    async run() {
      const at = join(target, `their-${run++}`);
      await mkdir(at);
      await program(join(tools, name.split(' ')[0]!), args(at), signal);
      last = { ...last, [name]: async () => (await stat(join(at, file))).size };
    },
    size: () => last[name]!(),
  });
  return [
    ours('physical', PHYSICAL),
    theirs(
      BASE_BACKUP,
      (at) => [
        '-D',
        at,
        '-Ft',
        `--compress=gzip:${LEVELS.physical}`,
        '-c',
        'fast',
        '-X',
        'fetch',
        '--manifest-checksums=SHA256',
        '-d',
        url,
      ],
      'base.tar.gz',
    ),
    ours('logical', LOGICAL),
    theirs(PG_DUMP, (at) => ['-Fc', '-n', 'main', '-f', join(at, 'dump'), '-d', url], 'dump'),
  ];
}

/** The connection string is of a server that goes with the bench: its password opens nothing else. */
async function program(path: string, args: readonly string[], signal: AbortSignal): Promise<void> {
  const child = spawn(path, args, { env: clientEnvironment(), stdio: ['ignore', 'ignore', 'pipe'], signal });
  let complaint = '';
  child.stderr.on('data', (text) => {
    complaint += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${path} ended with ${code}: ${complaint.trim()}`);
}
