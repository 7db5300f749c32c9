import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { clientEnvironment } from '../../config.js';
import { findEmbedded, startEmbedded } from '../../database/embedded/index.js';
import { migrate } from '../../schema/index.js';
import { inTurn, spread } from '../measure.js';
import { type Place, temporaryData } from '../place.js';
import { familyOf, proportionalMemory } from '../processes.js';
import type { Figure, Workload, WorkloadOptions } from '../workload.js';

/** A first start writes 40 MB: more of them would measure the disk. */
const STARTS = 5;
/** Until what happens after a start has happened. */
const REST_MS = 1000;
const MEGABYTE = 1e6;

export const start: Workload = {
  name: 'start',
  summary: 'cold and warm start; memory of server and client at rest',
  async run(options) {
    const notes: string[] = [];
    const own = options.place.server ? await embeddedServer(options, notes) : undefined;
    if (!own) notes.push('A server that was named is not started by us: only the client is measured.');
    const url = own?.url ?? (await options.place.create('start'));
    const client = await clientMemory(options, url);
    return { workload: 'start', figures: [...(own?.figures ?? []), client], bars: [], notes };
  },
};

/** Servers beside the place's own, which others may have filled with rows before. */
async function embeddedServer({ place, runs, signal, onProgress }: WorkloadOptions, notes: string[]) {
  let dataDir = await temporaryData(place.undo);
  const begin = () => startEmbedded({ dataDir });
  const stop = async () => (await findEmbedded(dataDir))?.stop();
  const subjects = [
    {
      name: 'new directory',
      before: async () => {
        await stop();
        dataDir = await temporaryData(place.undo);
      },
      run: begin,
    },
    { name: 'existing directory', before: stop, run: begin },
  ] as const;
  onProgress('starting servers');
  const took = await inTurn(subjects, Math.min(runs, STARTS), signal);
  const figures = Object.entries(took).map(
    ([by, values]): Figure => ({
      ...{ what: 'start to ready', by, unit: 'ms', ...values, facts: {} },
      ratios:
        by === 'new directory'
          ? []
          : [{ to: 'new directory', ratio: values.median / took['new directory'].median }],
    }),
  );
  notes.push('A new directory is made with initdb. The programs themselves were in the cache of the system.');
  const server = await begin();
  const url = server.url('postgres', { showSecrets: true });
  const memory = await serverMemory(place, url, notes);
  return { url, figures: memory ? [...figures, memory] : figures };
}

async function serverMemory(place: Place, url: string, notes: string[]): Promise<Figure | undefined> {
  const client = await place.bare(url);
  const { rows } = await client.query<{ file: string }>("select pg_read_file('postmaster.pid') as file");
  await client.end();
  await sleep(REST_MS);
  const family = await familyOf(Number.parseInt(rows[0]!.file, 10));
  const bytes = await proportionalMemory(family);
  if (bytes === undefined) {
    notes.push('The memory of the server is not measured: only Linux tells the share of each process.');
    return undefined;
  }
  return memoryFigure('embedded server, no connection (PSS)', [bytes], { processes: family.length });
}

/** The connection string comes through standard input: an argument would be seen by everyone. */
const CLIENT = `
import { text } from 'node:stream/consumers';
const { connect } = await import(process.argv[1]);
const claire = await connect({ service: 'claire bench', databaseUrl: await text(process.stdin), book: 'main' });
await new Promise((done) => setTimeout(done, ${REST_MS}));
process.stdout.write(String(process.memoryUsage().rss));
await claire.close();
`;

async function clientMemory(options: WorkloadOptions, url: string): Promise<Figure> {
  options.onProgress('an idle client');
  const pool = options.place.pool(url, 1);
  await migrate(pool, 'main');
  const values: number[] = [];
  for (let run = 0; run < Math.min(options.runs, STARTS); run++)
    values.push(await idleClient(url, options.signal));
  return memoryFigure('idle client of the library (RSS)', values, {});
}

async function idleClient(url: string, signal: AbortSignal): Promise<number> {
  // The library as others get it, also where this file runs uncompiled.
  const library = createRequire(import.meta.url).resolve('claire');
  const child = spawn(process.execPath, ['--input-type=module', '-e', CLIENT, library], {
    env: clientEnvironment(),
    signal,
  });
  child.stdin.end(url);
  const [said, complaint, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  if (code !== 0) throw new Error(`An idle client ended with ${code}: ${complaint.trim()}`);
  return Number(said);
}

const memoryFigure = (by: string, bytes: number[], facts: Figure['facts']): Figure => ({
  ...{ what: 'memory at rest', by, unit: 'MB', facts, ratios: [] },
  ...spread(bytes.map((value) => value / MEGABYTE)),
});
