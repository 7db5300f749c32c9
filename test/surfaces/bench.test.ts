import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { type Report, runBench, type Workload } from '../../src/bench/index.js';
import { copyIn } from '../../src/database/index.js';
import { ask, start, useServer } from './cli-run.js';
import { ground, isLinux, needs, until } from './embedded-ground.js';

/** Processes that work in a directory, as a server works in its cluster. */
async function processesIn(directory: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const directories = await Promise.all(pids.map((pid) => readlink(`/proc/${pid}/cwd`).catch(() => '')));
  return directories.filter((found) => found.startsWith(directory));
}

const isReady = async (directory: string): Promise<boolean> => {
  const files = await readdir(directory, { recursive: true }).catch(() => []);
  return files.some((name) => name.endsWith('postmaster.pid'));
};

describe('claire bench', () => {
  test('it prints one report, writes it as JSON and HTML, and leaves nothing else', async () => {
    const directory = await ground();
    const [output, html] = [join(directory, 'start.json'), join(directory, 'start.html')];
    const { code, stdout, stderr } = await start(
      ['bench', 'start', '--runs', '1', '--json', '--output', output, '--html', html],
      // Nobody listens there: it must not be looked at.
      { TMPDIR: directory, DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none' },
    ).ended;
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/^DATABASE_URL is not used.*\n$/),
    });
    const report = JSON.parse(stdout) as Report;
    expect(report).toMatchObject({
      command: 'claire bench start --rows 50k --runs 1',
      machine: { cores: expect.any(Number), node: process.version },
      server: { embedded: true, settings: { fsync: 'on', synchronous_commit: 'on' } },
      results: [{ workload: 'start', bars: [] }],
    });
    const by = report.results[0]!.figures.map((figure) => [figure.by, figure.unit, figure.runs]);
    expect(by.slice(0, 2)).toEqual([
      ['new directory', 'ms', 1],
      ['existing directory', 'ms', 1],
    ]);
    expect(JSON.parse(await readFile(output, 'utf8'))).toEqual(report);
    expect(await readFile(html, 'utf8')).toContain('existing directory');
    expect((await readdir(directory)).sort()).toEqual(['start.html', 'start.json']);
  });

  test.skipIf(!needs(isLinux, 'Linux'))(
    'Ctrl-C ends it with 130, and neither server nor directory remain',
    async () => {
      const directory = await ground();
      const running = start(['bench', 'start', '--output', join(directory, 'x.json')], { TMPDIR: directory });
      await until(() => isReady(directory));
      running.signal('SIGINT');
      expect(await running.ended).toEqual({ code: 130, stdout: '', stderr: '' });
      expect(await readdir(directory)).toEqual([]);
      expect(await processesIn(directory)).toEqual([]);
    },
  );

  test('the workload pool asks both pools the same, and judges nothing by one run', async () => {
    const { code, stdout } = await ask('bench', 'pool', '--runs', '1', '--json');
    expect(code).toBe(0);
    const [{ figures, bars }] = (JSON.parse(stdout) as Report).results as [Report['results'][0]];
    for (let n = 0; n < figures.length; n += 2) {
      const [claire, bare] = [figures[n]!, figures[n + 1]!];
      expect([claire.by, bare.by, bare.what]).toEqual(['claire', 'pg.Pool', claire.what]);
      expect(claire.ratios).toEqual([{ to: 'pg.Pool', ratio: expect.any(Number) }]);
    }
    expect(figures.map(({ what }) => what)).toContainEqual(expect.stringMatching(/after 600 ms/));
    expect(bars).toHaveLength(2);
    for (const bar of bars) expect(bar).not.toHaveProperty('kept');
  });

  test.each([
    ['a workload that is none', ['starts'], 2, /no workload starts; there are .*start/],
    ['a size that is none', ['--rows', 'many'], 2, /found "many"/],
    ['no run at all', ['--runs', '0'], 2, /found "0"/],
    ['one file for two things', ['--output', 'x', '--html', 'x'], 2, /same file/],
    [
      'a directory that is not there',
      ['--html', '/nowhere/report.html'],
      3,
      /\/nowhere\/report\.html: ENOENT/,
    ],
    ['a directory instead of a file', ['--output', '/'], 3, /\/: it is a directory/],
  ])('%s is refused before anything is done', async (_, args, code, said) => {
    expect(await ask('bench', ...args)).toMatchObject({ code, stderr: expect.stringMatching(said) });
  });
});

describe('on a server that was named', () => {
  const at = useServer();

  const run = (work: Workload['run'], signal: AbortSignal, notices: string[] = []) =>
    runBench({
      workloads: [{ name: 'own', summary: '', run: work }],
      ...{ rows: [1000], runs: 1, signal, databaseUrl: at.there[1] },
      onProgress: () => {},
      onReport: async () => {},
      onNotice: (sentence) => notices.push(sentence),
    });

  const databases = () =>
    at.database.query("select datname from pg_database where datname like 'claire_bench%'");

  test('an end in the middle cuts off what is under way, and every database is dropped', async () => {
    const ending = new AbortController();
    const work: Workload['run'] = async ({ place }) => {
      const url = await place.create('one');
      const [bare, pool] = [await place.bare(url), place.pool(url, 2)];
      await bare.query('create table t (n int)');
      const copied = copyIn(bare, 'copy t from stdin', Readable.from(endless()));
      const asleep = pool.query('select pg_sleep(3600)');
      setTimeout(() => ending.abort(), 50);
      await Promise.allSettled([copied, asleep]);
      // As a workload does that looks at the signal too rarely.
      await place.create('two');
      throw new Error('nobody comes here');
    };
    await expect(run(work, ending.signal)).rejects.toMatchObject({ name: 'AbortError' });
    expect(await databases()).toEqual([]);
  });

  test('a workload that fails says why in the words of the catalogue, and what cannot be removed is named', async () => {
    const notices: string[] = [];
    const work: Workload['run'] = async ({ place }) => {
      const url = await place.create('held');
      await place.admin.query(`alter database ${new URL(url).pathname.slice(1)} is_template true`);
      await (await place.bare(url)).query('select nothing');
      throw new Error('nobody comes here');
    };
    await expect(run(work, new AbortController().signal, notices)).rejects.toMatchObject({
      code: 'schema_missing',
    });
    expect(notices).toEqual([
      expect.stringMatching(/^This remains: database claire_bench_\w+_held\. .*template/),
    ]);
    const [left] = (await databases()) as { datname: string }[];
    await at.database.query(`alter database ${left!.datname} is_template false`);
    await at.database.query(`drop database ${left!.datname}`);
  });
});

async function* endless() {
  for (let n = 0; ; n++) {
    yield Buffer.from(`${n}\n`);
    if (n % 100 === 0) await new Promise((done) => setTimeout(done, 1));
  }
}
