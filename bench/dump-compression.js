/**
 * What do the compressions of pg_dump cost on a book, in size and seconds? On a server of its own, of the same major version
 * as the pg_dump that is here. lz4 and zstd are pg_dump's own from 16 on; with an older one the programs of that name stand
 * behind a pg_dump that does not compress, which is what comes nearest.
 * Run: npm run build && node bench/dump-compression.js [signals, 1000000] [runs, 3]
 */
import { spawn } from 'node:child_process';
import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createBackup, writeLogical } from '../dist/backup/index.js';
import { startProgram, withAddress } from '../dist/backup/pg-dump/program.js';
import { newestDumpTools } from '../dist/backup/pg-dump/tools.js';
import { loadBook } from '../dist/bench/data.js';
import { rotated, spread, timed } from '../dist/bench/measure.js';
import { openPlace } from '../dist/bench/place.js';
import { Undo } from '../dist/bench/undo.js';
import { startEmbedded } from '../dist/database/embedded/index.js';
import { migrate } from '../dist/schema/index.js';

const [rows, runs] = [Number(process.argv[2] ?? 1_000_000), Number(process.argv[3] ?? 3)];
const undo = new Undo();
const tools = await newestDumpTools();
const directory = await mkdtemp(join(tmpdir(), 'claire-dump-bench-'));
undo.add(() => rm(directory, { recursive: true, force: true }));
await chmod(directory, 0o755);

/** Debian has the server beside pg_dump; else the embedded one, which pg_dump must be new enough for. */
async function server() {
  const beside = join(dirname(tools.pgDump), 'postgres');
  const has = await stat(beside).then(
    () => true,
    () => false,
  );
  const started = await startEmbedded({
    dataDir: join(directory, 'data'),
    port: 20_000 + (process.pid % 20_000),
    ...(has ? { binaries: dirname(tools.directory) } : {}),
  });
  undo.add(() => started.stop());
  return started.url('postgres', { showSecrets: true });
}

/** A program that compresses what it reads. */
async function through(program, args, source, file) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  await Promise.all([pipeline(source, child.stdin), pipeline(child.stdout, createWriteStream(file))]);
}

const dump = (url, compress, take) =>
  withAddress(url, async (address) => {
    const args = ['--format=custom', `--compress=${compress}`, '--schema=main', `--dbname=${address}`];
    const program = startProgram(tools.pgDump, args);
    await take(program.output);
    await program.ended;
  });

const toFile = (file) => async (output) => {
  await pipeline(output, createWriteStream(file));
};

function subjects(url) {
  const file = (name) => join(directory, name.replace(/\W+/g, '-'));
  const own = (compress) => ({
    name: `pg_dump ${tools.major} --compress=${compress}`,
    run: (target) => dump(url, compress, toFile(target)),
    read: (target) => startProgram(tools.pgRestore, ['--file=/dev/null', target]).ended,
  });
  const piped = (program, level) => ({
    name: `pg_dump ${tools.major}, uncompressed, through ${program} -${level}`,
    run: (target) => dump(url, '0', (output) => through(program, [`-${level}`, '-q'], output, target)),
    read: async (target) => {
      const child = spawn(program, ['-dcq'], { stdio: ['pipe', 'ignore', 'inherit'] });
      await pipeline(createReadStream(target), child.stdin);
      await new Promise((done) => child.once('close', done));
    },
  });
  const more =
    tools.major >= 16
      ? ['lz4', 'zstd:1', 'zstd:3', 'zstd:9'].map(own)
      : [piped('lz4', 1), piped('zstd', 1), piped('zstd', 3), piped('zstd', 9)];
  return [...['0', '1', '3', '6', '9'].map(own), ...more].map((one) => ({ ...one, file: file(one.name) }));
}

async function logical(url, level) {
  const backups = join(directory, 'backups');
  await rm(backups, { recursive: true, force: true });
  const made = await createBackup(
    { backups, kind: 'logical', of: 'main', coding: { gzip: level } },
    (writing) => writeLogical({ url, book: 'main' }, writing),
  );
  return made.side.files.reduce((sum, { bytes }) => sum + bytes, 0);
}

try {
  const place = await openPlace(await server(), undo);
  const url = await place.create('dumped');
  const pool = place.pool(url, 1);
  await migrate(pool, 'main');
  const client = await place.bare(url);
  await client.query('set search_path to main');
  await loadBook(client, rows, true, () => {});
  await client.query('vacuum analyze');
  const all = [...subjects(url), ...[1, 6].map((level) => ({ name: `logical, gzip ${level}`, level }))].map(
    (one) => ({ ...one, write: [], read_: [], bytes: 0 }),
  );
  for (let turn = 0; turn < runs; turn++) {
    for (const one of rotated(all, turn)) {
      if (one.level === undefined) {
        one.write.push(await timed(() => one.run(one.file)));
        one.bytes = (await stat(one.file)).size;
        one.read_.push(await timed(() => one.read(one.file)));
        await rm(one.file);
      } else {
        one.write.push(
          await timed(async () => {
            one.bytes = await logical(url, one.level);
          }),
        );
      }
    }
  }
  const plain = all[0];
  const seconds = (values) => (values.length ? (spread(values).median / 1000).toFixed(2) : '');
  process.stdout.write(`${rows} signals and what belongs to them; medians of ${runs}\n\n`);
  process.stdout.write(
    '| compression | MB | of uncompressed | write, s | read, s |\n| --- | ---: | ---: | ---: | ---: |\n',
  );
  for (const one of all) {
    const share = `${((one.bytes / plain.bytes) * 100).toFixed(1)} %`;
    process.stdout.write(
      `| ${one.name} | ${(one.bytes / 1e6).toFixed(1)} | ${share} | ${seconds(one.write)} | ${seconds(one.read_)} |\n`,
    );
  }
} finally {
  await undo.run();
}
