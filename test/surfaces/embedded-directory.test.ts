import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { startEmbedded } from '../../src/database/embedded/index.js';
import { freePort } from '../harness/ports.js';
import {
  ground,
  isOpenTo,
  isRoot,
  needs,
  ownDirectory,
  query,
  rested,
  starter,
  uidOf,
} from './embedded-ground.js';

/** Every name below with its time and size. */
async function listing(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true });
  const paths = ['.', ...entries.map(({ parentPath, name }) => join(parentPath, name))];
  return Promise.all(
    paths.map(async (path) => {
      const { mtimeNs, ctimeNs, size } = await lstat(path === '.' ? directory : path, { bigint: true });
      return `${path} ${size} ${mtimeNs} ${ctimeNs}`;
    }),
  );
}

describe('a directory that cannot be used is refused', () => {
  const refused = (found: RegExp) => ({
    code: 'embedded_directory_unusable',
    message: expect.stringMatching(found),
  });

  test('where a file has its name', async () => {
    const file = join(await ground(), 'data');
    await writeFile(file, 'kept');
    await expect(startEmbedded({ dataDir: file })).rejects.toMatchObject(refused(/data is a file/));
    expect(await readFile(file, 'utf8')).toBe('kept');
    await expect(startEmbedded({ dataDir: join(file, 'below') })).rejects.toMatchObject(refused(/ENOTDIR/));
  });

  test('where something else than a cluster is in its place', async () => {
    const dataDir = join(await ground(), 'data');
    await mkdir(join(dataDir, 'postgres'), { recursive: true });
    await writeFile(join(dataDir, 'postgres', 'thesis.txt'), 'kept');
    const before = await listing(dataDir);
    await expect(startEmbedded({ dataDir })).rejects.toMatchObject(refused(/thesis\.txt/));
    expect(await listing(dataDir)).toEqual(before);
    await unlink(join(dataDir, 'postgres', 'thesis.txt'));
    expect((await startEmbedded({ dataDir })).found).toBe(false);
  });

  test('where another major version made it, and nothing is touched', async () => {
    const dataDir = await rested();
    const server = await startEmbedded({ dataDir });
    await server.stop();
    await writeFile(join(dataDir, 'postgres', 'PG_VERSION'), '15\n');
    const before = await listing(dataDir);
    await expect(startEmbedded({ dataDir })).rejects.toMatchObject({
      code: 'embedded_version_mismatch',
      message: expect.stringMatching(/PostgreSQL 15, this is PostgreSQL 18/),
      details: { found_major: 15, own_major: 18 },
    });
    expect(await listing(dataDir)).toEqual(before);
    await writeFile(join(dataDir, 'postgres', 'PG_VERSION'), '18\n');
    expect((await startEmbedded({ dataDir })).found).toBe(false);
    expect(await listing(dataDir)).not.toEqual(before);
  });
});

describe('a lost pgpass file', () => {
  test('is made anew while the server rests, and said', async () => {
    const dataDir = await rested();
    const first = await startEmbedded({ dataDir });
    await query(first, 'postgres', 'create table kept as select 42 as answer');
    await first.stop();
    await rm(first.passfile);
    const notices: string[] = [];
    const second = await startEmbedded({ dataDir, onNotice: (text) => notices.push(text) });
    expect(notices).toHaveLength(1);
    expect(second.password('claire')).not.toBe(first.password('claire'));
    expect(await query(second, 'postgres', 'select answer from kept')).toEqual([{ answer: 42 }]);
    expect(await query(second, 'risk_manager', 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  test('is refused while the server runs', async () => {
    const dataDir = await rested();
    const first = await startEmbedded({ dataDir });
    const text = await readFile(first.passfile, 'utf8');
    await rm(first.passfile);
    await expect(startEmbedded({ dataDir })).rejects.toMatchObject({ code: 'embedded_directory_unusable' });
    await writeFile(first.passfile, text, { mode: 0o600 });
    expect((await startEmbedded({ dataDir })).found).toBe(true);
  });

  test('does not keep the server from being stopped by who started it', async () => {
    const dataDir = await rested();
    // Of its own, so that nobody else listens there afterwards.
    const server = await startEmbedded({ dataDir, port: await freePort() });
    await rm(server.passfile);
    await server.stop();
    await expect(query(server, 'claire', 'select 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('a pgpass file', () => {
  test('keeps the lines that are not ours', async () => {
    const dataDir = await rested();
    const first = await startEmbedded({ dataDir });
    await writeFile(first.passfile, 'db.example:5432:*:me:mine\n', { flag: 'a' });
    await first.stop();
    const second = await startEmbedded({ dataDir, port: await freePort() });
    expect(await readFile(second.passfile, 'utf8')).toMatch(/\ndb\.example:5432:\*:me:mine\n$/);
  });
});

describe.skipIf(!needs(isRoot, 'root'))('as root', () => {
  test('a cluster below a directory closed to others lies in /var/lib/claire behind a link', async () => {
    const closed = await ownDirectory(await ground(), 'closed', 0o700);
    const dataDir = join(closed, 'data');
    const first = await startEmbedded({ dataDir, port: await freePort() });
    expect(await readlink(join(dataDir, 'postgres'))).toMatch(/^\/var\/lib\/claire\/[0-9a-f]+\/postgres$/);
    expect((await stat(join(dataDir, 'postgres'))).uid).not.toBe(0);
    await first.stop();
    expect(await startEmbedded({ dataDir })).toMatchObject({ found: false, port: first.port });
    expect((await startEmbedded({ dataDir })).found).toBe(true);
  });

  test('a cluster in an open directory lies in it', async () => {
    // A copy keeps links as they are, and the first start of this one was in an open directory.
    const dataDir = await rested();
    expect((await lstat(join(dataDir, 'postgres'))).isDirectory()).toBe(true);
    expect((await startEmbedded({ dataDir })).found).toBe(false);
    expect((await lstat(join(dataDir, 'postgres'))).isDirectory()).toBe(true);
  });

  test('a data directory that was removed and is made again gets a new cluster, and the old one stays', async () => {
    const closed = await ownDirectory(await ground(), 'closed', 0o700);
    const dataDir = join(closed, 'data');
    const first = await startEmbedded({ dataDir });
    await first.stop();
    const old = await readlink(join(dataDir, 'postgres'));
    await rm(dataDir, { recursive: true });
    const second = await startEmbedded({ dataDir });
    expect(second.found).toBe(false);
    expect(await readlink(join(dataDir, 'postgres'))).not.toBe(old);
    expect(await readFile(join(old, 'PG_VERSION'), 'utf8')).toBe('18\n');
    await rm(join(old, '..'), { recursive: true });
  });
});

describe.skipIf(!needs(isRoot, 'root, to start as somebody else'))('without root', () => {
  test('everything belongs to the user who started it, and root adopts and restarts it as that user', async (context) => {
    const uid = uidOf('nobody');
    if (
      !needs(
        isOpenTo(uid, join(inject('resting').compiled, 'node_modules/pg/package.json')),
        'a checkout that nobody can read',
      )
    ) {
      context.skip();
    }
    const home = await ownDirectory(await ground(), 'home', 0o777);
    const dataDir = join(home, 'data');
    const started = await starter({ dataDir }, { uid });
    const { port } = await started.answer;
    expect(port).toBeGreaterThan(0);
    const owned = async (name: string) => {
      const { uid: owner, mode } = await stat(join(dataDir, name));
      return [owner, (mode & 0o777).toString(8)];
    };
    expect(await owned('.')).toEqual([uid, '700']);
    expect(await owned('pgpass')).toEqual([uid, '600']);
    expect(await owned('postgres')).toEqual([uid, '700']);
    const adopted = await startEmbedded({ dataDir });
    expect(adopted).toMatchObject({ found: true, port });
    await adopted.stop();
    const again = await startEmbedded({ dataDir, port: port! + 1000 });
    expect(again.found).toBe(false);
    expect(await owned('pgpass')).toEqual([uid, '600']);
    await again.stop();
    expect((await (await starter({ dataDir }, { uid })).answer).found).toBe(false);
  });

  test('a directory that may not be written to is refused', async (context) => {
    const uid = uidOf('nobody');
    if (
      !needs(
        isOpenTo(uid, join(inject('resting').compiled, 'node_modules/pg/package.json')),
        'a checkout that nobody can read',
      )
    ) {
      context.skip();
    }
    const home = await ownDirectory(await ground(), 'home', 0o755);
    const { answer } = await starter({ dataDir: join(home, 'data') }, { uid });
    expect(await answer).toMatchObject({ code: 'embedded_directory_unusable' });
    await chmod(home, 0o777);
    const second = await starter({ dataDir: join(home, 'data') }, { uid });
    expect((await second.answer).found).toBe(false);
  });
});
