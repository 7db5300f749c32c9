import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import {
  createBackup,
  type Listed,
  openBackup,
  type PgDumpOptions,
  restoreBook,
  verifyBackup,
  writePgDump,
} from '../../src/backup/index.js';
import { type BackupKey, readKey } from '../../src/backup/keys.js';
import { startProgram, withAddress } from '../../src/backup/pg-dump/program.js';
import { findDumpTools } from '../../src/backup/pg-dump/tools.js';
import { migrate } from '../../src/schema/index.js';
import { refusal, useBook } from '../harness/book.js';
import { backupsDirectory } from './backup-ground.js';

const book = useBook();
const major = inject('major');
const DEBIAN = '/usr/lib/postgresql/15/bin';
const has = major === 15 && existsSync(join(DEBIAN, 'pg_dump'));
if (!has)
  process.stderr.write(
    `pg_dump is not tested on PostgreSQL ${major}: ${major === 15 ? `there is none in ${DEBIAN}` : 'the one that is here is older'}.\n`,
  );

const take = (
  backups: string,
  {
    key,
    signal,
    ...more
  }: Partial<PgDumpOptions> & { key?: BackupKey | undefined; signal?: AbortSignal } = {},
): Promise<Listed> =>
  createBackup(
    { backups, kind: 'pg_dump', of: more.book ?? 'main', coding: { gzip: false, key, signal } },
    (writing) => writePgDump({ url: book.url, book: 'main', ...more }, writing),
  );

/** A directory with programs of that name, which are shell scripts. */
async function programs(dump: string, version = '99.1'): Promise<string> {
  const directory = join(await backupsDirectory(), 'bin');
  await mkdir(directory);
  for (const [name, text] of [
    ['pg_dump', dump],
    ['pg_restore', 'exit 1'],
  ] as const) {
    const file = join(directory, name);
    const asked = `if [ "$1" = --version ]; then echo "${name} (PostgreSQL) ${version}"; exit; fi`;
    await writeFile(file, `#!/bin/sh\n${asked}\n${text}\n`);
    await chmod(file, 0o755);
  }
  return directory;
}

const isUnix = process.platform !== 'win32';

describe.runIf(has)('a backup by pg_dump', () => {
  test('is what was backed up while others write, and is restored into the newest server and back', async () => {
    const claire = await book.connect();
    const signal = (n: number) =>
      claire.recordSignal({
        ...{ signal_id: `s${n}`, symbol: 'BTC/USD', side: 'BUY', price: `${100 + n}.00000001` },
        ...{ confidence: '0.9', timestamp: 1705072800000 + n, metadata: { text: 'tab\t line\n \\ "' } },
      });
    for (let n = 0; n < 20; n++) await signal(n);
    await claire.decide({ signal_id: 's1', quantity: '1.5' });
    let isDone = false;
    const writing = (async () => {
      for (let n = 20; !isDone; n++) await signal(n);
    })();
    const key = await readKey({ text: 'ab'.repeat(32) });
    const taken = await take(await backupsDirectory(), { key });
    isDone = true;
    await writing;
    expect(taken.side).toMatchObject({ kind: 'pg_dump', gzip: false, server: { major: 15 } });
    const rows = taken.side!.books[0]!.facts.find(({ table }) => table === 'signals')!.rows;
    const target = { admin: book.database, url: book.url, book: 'beside' };
    const restored = await openBackup(taken, { key }, async (opened) => {
      expect(opened).toMatchObject({ problems: [], broken: [], scratch: { major: 18 } });
      return restoreBook(opened, 'main', target);
    });
    expect(restored.rows.signals).toBe(rows);
    expect(await book.sql('select count(*)::float8 as rows from signals', 'beside')).toEqual([{ rows }]);
  });

  test('holds a book in public too, and one of an older version is migrated when it is read', async () => {
    await migrate(book.database, 'public', { to: '1.2' });
    const taken = await take(await backupsDirectory(), { book: 'public', compression: '1' });
    expect(await verifyBackup(taken, {})).toMatchObject({ ok: true, problems: [] });
  });

  test('that is cut off is found out, by its length and by pg_restore', async () => {
    const taken = await take(await backupsDirectory());
    const file = join(taken.directory, 'book.dump');
    const whole = await readFile(file);
    await writeFile(file, whole.subarray(0, whole.length - 200));
    expect((await refusal(verifyOrThrow(taken))).code).toBe('backup_damaged');
    // Somebody who changed the side file with it.
    const [stored] = taken.side!.files;
    stored!.bytes = whole.length - 200;
    stored!.sha256 = createHash('sha256')
      .update(await readFile(file))
      .digest('hex');
    const error = await refusal(verifyOrThrow(taken));
    expect(error.code).toBe('backup_tool_failed');
    expect(error.message).toContain('pg_restore ended with 1');
  });
});

const verifyOrThrow = (taken: Listed) => openBackup(taken, {}, async () => {});

describe.runIf(isUnix)('the programs of PostgreSQL', () => {
  test('an older pg_dump is not used, and the error says what was found and what helps', async () => {
    const directory = await programs('exit 0', '9.6.24');
    const error = await refusal(findDumpTools(major, directory));
    expect(error).toMatchObject({ code: 'backup_tools_missing' });
    expect(error.message).toContain(`There is pg_dump 9 in ${directory}. The server is PostgreSQL ${major}`);
    expect(error.remedy).toContain('--kind logical');
    const none = await refusal(take(await backupsDirectory(), { programs: '/nowhere' }));
    expect(none.message).toContain('There is none in /nowhere.');
  });

  test('no password is in what others can see, nor left behind', async () => {
    const seen = join(await backupsDirectory(), 'seen');
    const directory = await programs(
      `{ echo "$@"; env; for a in "$@"; do case "$a" in *passfile=*) f=\${a##*passfile=}; ls -l "$(printf %b "\${f%%&*}" | sed 's/%2F/\\//g')";; esac; done; } > ${seen}`,
    );
    // Of a process that was killed, as its number says.
    const left = join(tmpdir(), 'claire-pass-99999999-x');
    await mkdir(left, { recursive: true });
    const url = book.url.replace(/:\/\/([^:@]+)(:[^@]*)?@/, '://$1:s3cret%3A@');
    await take(await backupsDirectory(), { programs: directory, url: book.url });
    await withAddress(url, (address) => startProgram(join(directory, 'pg_dump'), [address]).ended);
    const text = await readFile(seen, 'utf8');
    expect(text).not.toContain('s3cret');
    expect(text).toMatch(/^-rw------- .*passfile$/m);
    const file = decodeURIComponent(/passfile=([^&\s]+)/.exec(text)![1]!);
    expect(existsSync(file)).toBe(false);
    expect(existsSync(left)).toBe(false);
  });

  test.each([
    ['fails', 'echo half; echo "server closed the connection" >&2; exit 3', 'ended with 3: server closed'],
    ['is killed', 'echo half; kill -9 $$', 'was ended by SIGKILL'],
  ])('a pg_dump that %s leaves no backup', async (_, script, says) => {
    const backups = await backupsDirectory();
    const error = await refusal(take(backups, { programs: await programs(script) }));
    expect(error.code).toBe('backup_tool_failed');
    expect(error.message).toContain(`pg_dump ${says}`);
    expect(await readdir(backups)).toEqual([]);
  });

  test('who ends the backup ends pg_dump', async () => {
    const backups = await backupsDirectory();
    const pidFile = join(await backupsDirectory(), 'pid');
    const directory = await programs(
      `echo $$ > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; exec sleep 600`,
    );
    const stop = new AbortController();
    const taking = take(backups, { programs: directory, signal: stop.signal });
    while (!existsSync(pidFile)) await new Promise((done) => setTimeout(done, 5));
    stop.abort();
    await expect(taking).rejects.toThrow();
    const pid = Number(await readFile(pidFile, 'utf8'));
    expect(() => process.kill(pid, 0)).toThrow();
    expect(await readdir(backups)).toEqual([]);
    await rm(pidFile);
  });

  test('a compression that pg_dump does not know is refused before anything is written', async () => {
    const old = await programs('exit 0', '15.1');
    const error = await refusal(take(await backupsDirectory(), { programs: old, compression: 'zstd:3' }));
    expect(error.code).toBe('backup_tools_missing');
    const wrong = await refusal(
      take(await backupsDirectory(), { programs: await programs('exit 0'), compression: 'rar; rm' }),
    );
    expect(wrong.code).toBe('input_invalid');
  });
});
