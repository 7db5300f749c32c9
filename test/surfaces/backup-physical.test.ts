import { existsSync } from 'node:fs';
import { cp, readdir, rm, truncate } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  archiveNow,
  createBackup,
  type Listed,
  listBackups,
  openBackup,
  readKey,
  storeFile,
  verifyBackup,
} from '../../src/backup/index.js';
import { type BasePart, baseBackup, Database } from '../../src/database/index.js';
import { refusal } from '../harness/book.js';
import { afterwards, needs, postgres15, query, useEmbedded } from './embedded-ground.js';
import {
  admin,
  adminUrl,
  backupsDirectory,
  copyOf,
  flipBit,
  idsIn,
  idsOf,
  lastingDirectory,
  record,
  sweeping,
  takePhysical,
} from './physical-ground.js';

describe('of the embedded server', () => {
  const desk = useEmbedded({ book: 'main', settings: { fsync: 'off' } });
  let backups: string;
  let ids: string[];

  beforeAll(async () => {
    backups = await lastingDirectory();
    const database = new Database({ databaseUrl: adminUrl(desk.server), applicationName: 'tests' });
    await record(database, 3);
    ids = await idsIn(database);
    await takePhysical(adminUrl(desk.server), backups);
    await record(database, 1);
    await database.close();
  });
  afterAll(() => rm(backups, { recursive: true, force: true }));

  test('a physical backup is the whole server as it was, and is found and verified', async () => {
    const [listed] = await listBackups(backups);
    expect(listed!.side).toMatchObject({ kind: 'physical', server: { major: 18 } });
    expect(listed!.side!.taken_ms).toBeLessThanOrEqual(listed!.side!.ended_ms);
    expect(await idsOf(listed!)).toEqual({ ids, problems: [] });
    expect(await verifyBackup(listed!, {})).toMatchObject({ ok: true, problems: [], server: 18 });
  });

  test('with a key it is read with that key alone, and a wrong one says so', async () => {
    const [key, other] = await Promise.all([
      readKey({ text: 'a1'.repeat(32) }),
      readKey({ text: 'b2'.repeat(32) }),
    ]);
    const taken = await takePhysical(adminUrl(desk.server), await backupsDirectory(), { key: key! });
    expect((await refusal(idsOf(taken))).code).toBe('backup_key_wrong');
    expect((await refusal(idsOf(taken, { key: other }))).code).toBe('backup_key_wrong');
    expect((await idsOf(taken, { key })).problems).toEqual([]);
  });

  describe('is refused, with what is wrong, where', () => {
    const broken = async (breakIt: (directory: string) => Promise<unknown>): Promise<Listed> => {
      const copy = await copyOf(backups);
      await breakIt(join(copy, (await readdir(copy))[0]!));
      return (await listBackups(copy))[0]!;
    };
    test.each([
      ['a bit is another', 'base.tar.gz', (of: string) => flipBit(join(of, 'base.tar.gz'))],
      ['the end is missing', 'base.tar.gz', (of: string) => truncate(join(of, 'base.tar.gz'), 1000)],
      ['a file is missing', 'backup_manifest.gz', (of: string) => rm(join(of, 'backup_manifest.gz'))],
    ])('%s', async (_, name, breakIt) => {
      const refused = await refusal(idsOf(await broken(breakIt)));
      expect(refused.code).toBe('backup_damaged');
      expect(refused.message).toContain(name);
    });

    test('the side file is that of another backup', async () => {
      const other = await takePhysical(adminUrl(desk.server), await backupsDirectory());
      const listed = await broken((of) => cp(join(other.directory, 'backup.json'), join(of, 'backup.json')));
      expect((await refusal(idsOf(listed))).code).toBe('backup_damaged');
      // Also where it says the right name: the files are others.
      const renamed = await broken(async (of) => {
        await rm(of, { recursive: true });
        await cp(other.directory, of, { recursive: true });
        await cp(join(backups, (await readdir(backups))[0]!, 'backup.json'), join(of, 'backup.json'));
      });
      const refused = await refusal(idsOf(renamed));
      expect(refused.code).toBe('backup_damaged');
      expect(refused.message).toContain('backup_manifest.gz');
    });
  });

  /** Takes one, and does something while its first bytes wait. */
  const whileTaking = (directory: string, meanwhile: () => Promise<unknown>) =>
    createBackup(
      { backups: directory, kind: 'physical', of: 'server', coding: { gzip: 1 } },
      async (writing) => {
        const store = async (part: BasePart, content: Parameters<typeof storeFile>[2]) => {
          if (part === 'base.tar') await meanwhile();
          await storeFile(writing.directory, part, content, writing.coding);
        };
        await baseBackup({ databaseUrl: adminUrl(desk.server), label: 'tests' }, store);
        return expect.unreachable('it was cut');
      },
    );

  test('one whose connection is cut is a failure, and nothing of it is left', async () => {
    const directory = await backupsDirectory();
    const refused = await refusal(
      whileTaking(directory, async () => {
        await query(desk.server, 'postgres', 'select pg_terminate_backend(pid) from pg_stat_replication');
      }),
    );
    expect(refused.code).toBe('backup_failed');
    expect(await readdir(directory)).toEqual([]);
  });

  test('one that ends without the last word of the server is a failure, though every byte of it came', async () => {
    const port = await proxyWithoutLastWord(desk.server.port);
    const url = adminUrl(desk.server).replace(`:${desk.server.port}/`, `:${port}/`);
    const directory = await backupsDirectory();
    const refused = await refusal(
      createBackup(
        { backups: directory, kind: 'physical', of: 'server', coding: { gzip: 1 } },
        async (writing) => {
          await baseBackup({ databaseUrl: url, label: 'tests' }, async (part, content) => {
            await storeFile(writing.directory, part, content, writing.coding);
          });
          return expect.unreachable('it was cut');
        },
      ),
    );
    expect(refused.code).toBe('backup_failed');
    expect(await readdir(directory)).toEqual([]);
  });

  test('one that is broken off leaves nothing, here and on the server', async () => {
    const directory = await backupsDirectory();
    const stop = new AbortController();
    const taking = takePhysical(adminUrl(desk.server), directory, { signal: stop.signal });
    const sending = () =>
      query(desk.server, 'postgres', 'select from pg_stat_progress_basebackup') as Promise<unknown[]>;
    while ((await sending()).length === 0);
    stop.abort();
    await expect(taking).rejects.toThrow();
    expect(await readdir(directory)).toEqual([]);
    while ((await sending()).length > 0);
  });

  test('two of one process are taken at once', async () => {
    const one = () =>
      baseBackup({ databaseUrl: adminUrl(desk.server), label: 'tests' }, (_, content) =>
        finished(content.resume()),
      );
    const [a, b] = await Promise.all([one(), one()]);
    expect(a.system_identifier).toBe(b.system_identifier);
  });

  test('a login without the right is told what to do', async () => {
    await query(desk.server, 'postgres', `create role weak login password 'weak'`);
    const url = adminUrl(desk.server).replace(/postgres:[^@]*@/, 'weak:weak@');
    const refused = await refusal(baseBackup({ databaseUrl: url, label: 'tests' }, async () => {}));
    expect(refused.code).toBe('backup_right_missing');
    expect(refused.remedy).toMatch(/alter role .* replication/);
  });

  test('a server with a tablespace of its own is refused', async () => {
    const database = admin(desk.server);
    await database.session(async (session) => {
      await session.query('set allow_in_place_tablespaces to on');
      await session.query("create tablespace t location ''");
    });
    const directory = await backupsDirectory();
    const refused = await refusal(takePhysical(adminUrl(desk.server), directory));
    expect(refused.code).toBe('backup_unfit');
    expect(await readdir(directory)).toEqual([]);
    await database.query('drop tablespace t');
  });
});

describe.runIf(needs(existsSync(postgres15), postgres15))('of PostgreSQL 15', () => {
  const desk = useEmbedded({ binaries: postgres15, archives: true, settings: { fsync: 'off' } });

  test('a backup and the log after it are run by programs of that version', async () => {
    const backups = await backupsDirectory();
    const database = admin(desk.server);
    await desk.server.keepLog();
    await database.query('create table public.t (id int)');
    const taken = await takePhysical(adminUrl(desk.server), backups, { books: [] });
    await database.query('insert into public.t values (1)');
    await archiveNow(database, await sweeping(desk.server, backups));
    const { archive } = await sweeping(desk.server, backups);
    const found = await openBackup(taken, { until: { archive } }, async ({ database: copy, scratch }) => ({
      major: scratch.major,
      rows: await copy.query('select id from public.t'),
    }));
    expect(found).toEqual({ major: 15, rows: [{ id: 1 }] });
  });
});

/** Hands on what the server says up to the end of a base backup, and then hangs up. */
async function proxyWithoutLastWord(to: number): Promise<number> {
  const proxy = createServer((client) => {
    const server = connect(to, '127.0.0.1');
    for (const socket of [client, server]) socket.on('error', () => {});
    client.pipe(server);
    server.on('data', (bytes: Buffer) => {
      const at = bytes.indexOf('BASE_BACKUP\0');
      if (at < 0) {
        if (!client.write(bytes)) server.pause();
      } else {
        client.end(bytes.subarray(0, at + 12));
        server.destroy();
      }
    });
    client.on('drain', () => server.resume());
    client.on('close', () => server.destroy());
  });
  await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
  afterwards(() => new Promise((done) => proxy.close(done)));
  return (proxy.address() as { port: number }).port;
}
