import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listBackups } from '../../src/backup/index.js';
import { keepTaking } from '../../src/cli/daily-backups.js';
import { createBook } from '../../src/schema/index.js';
import { ask, json, useServer } from './cli-run.js';
import { afterwards, isRoot, needs } from './embedded-ground.js';

const desk = useServer();
let home: string;
let there: string[];
/** Where a look into a backup is taken: in a database beside, which spares a server each. */
let scratch: string[];

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'claire-cli-backup-'));
  const url = desk.server.url('postgres', { showSecrets: true });
  there = ['--database-url', url, '--backups', join(home, 'backups')];
  scratch = ['--scratch', url];
  await createBook(desk.database, 'main');
  await record('s1');
});
afterAll(() => rm(home, { recursive: true, force: true }));

const record = (id: string, book = 'main') =>
  desk.database.query(
    `insert into ${book}.signals (signal_id, symbol, side, price, confidence, timestamp)
     values ($1, 'X', 'BUY', 1, 1, 1705072800000)`,
    [id],
  );
const signals = (book = 'main') =>
  desk.database
    .query<{ signal_id: string }>(`select signal_id from ${book}.signals order by id`)
    .then((rows) => rows.map(({ signal_id }) => signal_id));

interface Shown {
  name: string;
  directory: string;
  kind: string;
  rows: number;
  verified: { ok: boolean; problems: string[] } | null;
}

/** A directory of the test's own. */
async function elsewhere(): Promise<string[]> {
  const directory = await mkdtemp(join(home, 'other-'));
  return [...there.slice(0, 2), '--backups', directory];
}

describe('claire backup', () => {
  test('takes one, verified, that list and status know', async () => {
    const taken = await json<Shown>('backup', 'create', '--kind', 'logical', ...scratch, ...there);
    expect(taken).toMatchObject({ kind: 'logical', verified: { ok: true, problems: [] } });
    expect(await json<Shown[]>('backup', 'list', ...there)).toEqual([taken]);
    const { backups } = await json<{ backups: unknown }>('status', ...there);
    expect(backups).toMatchObject({ verified: { name: taken.name }, failure: null });
    const { stdout } = await ask('status', ...there);
    expect(stdout).toMatch(new RegExp(`last verified backup +0 minutes old: ${taken.name}`));
  });

  test('that is not what was written ends with 1, and status says so', async () => {
    const own = await elsewhere();
    const taken = await json<Shown>('backup', 'create', '--kind', 'logical', '--no-verify', ...own);
    expect(taken.verified).toBeNull();
    await writeFile(join(taken.directory, 'signals.copy'), 'nothing');
    const { code, stdout } = await ask('backup', 'verify', ...own);
    expect(code).toBe(1);
    expect(stdout).toMatch(/NOT what was backed up.*signals\.copy has 7 bytes/);
    expect((await ask('backup', 'list', ...own)).stdout).toMatch(/FAILED/);
    const { backups } = await json<{ backups: unknown }>('status', ...own);
    expect(backups).toMatchObject({
      verified: null,
      failure: { action: 'verify', error: expect.stringContaining('signals.copy') },
    });
    const refused = await ask('restore', taken.name, '--as', 'never', ...own);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('signals.copy');
  });

  test('is encrypted with the key of a file, which is never shown', async () => {
    const own = await elsewhere();
    const secret = randomBytes(32).toString('hex');
    const [key, other] = [join(home, 'key'), join(home, 'other-key')];
    await writeFile(key, `${secret}\n`);
    await writeFile(other, randomBytes(32).toString('hex'));
    const said = await ask(
      'backup',
      'create',
      '--kind',
      'logical',
      '--key-file',
      key,
      ...scratch,
      ...own,
      '--json',
    );
    const taken = JSON.parse(said.stdout) as Shown;
    expect(taken.verified?.ok).toBe(true);
    const wrong = await ask('backup', 'verify', '--key-file', other, ...scratch, ...own);
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr).toMatch(/encrypted with key \w+, and this is key/);
    const side = await readFile(join(taken.directory, 'backup.json'), 'utf8');
    expect(said.stdout + said.stderr + wrong.stderr + side).not.toContain(secret);
  });

  test('is handed to a command, whose failure is an error and an event', async () => {
    const own = await elsewhere();
    const mark = join(home, 'mark');
    const create = ['backup', 'create', '--kind', 'logical', '--no-verify', ...own];
    expect((await ask(...create, '--hook', `basename "$CLAIRE_BACKUP" > ${mark}`)).code).toBe(0);
    expect((await readFile(mark, 'utf8')).trim()).toMatch(/^main_logical_/);
    const failed = await ask(...create, '--hook', 'exit 7');
    expect(failed.code).toBe(3);
    expect(failed.stderr).toContain('ended with 7');
    const { backups } = await json<{ backups: unknown }>('status', ...own);
    expect(backups).toMatchObject({ failure: { action: 'hook', error: 'It ended with 7.' } });
  });

  test('of a book that is not there, or of a server that is not, leaves nothing but the event', async () => {
    const own = await elsewhere();
    expect((await ask('backup', 'create', '--book', 'nobody', '--kind', 'logical', ...own)).code).toBe(4);
    const gone = ['--database-url', 'postgresql://postgres@127.0.0.1:1/x', ...own.slice(2)];
    expect((await ask('backup', 'create', '--kind', 'logical', ...gone)).code).toBe(3);
    expect(await readdir(own.at(-1)!)).toEqual(['log.jsonl']);
  });

  test('goes when it is old, and the newest verified one stays', async () => {
    const own = await elsewhere();
    const create = ['backup', 'create', '--kind', 'logical', ...scratch, ...own];
    const kept = await json<Shown>(...create);
    const second = await json<Shown>(...create, '--no-verify');
    const { removed } = await json<{ removed: string[] }>('backup', 'prune', '--keep', '0s', ...own);
    expect(removed).toEqual([second.name]);
    expect((await json<Shown[]>('backup', 'list', ...own)).map(({ name }) => name)).toEqual([kept.name]);
    expect((await json<{ removed: string[] }>('backup', 'prune', ...own)).removed).toEqual([]);
  });

  test.runIf(needs(isRoot && process.platform === 'linux', 'root on Linux, to mount a small disk'))(
    'that finds the disk full leaves the record as it is, says so, and goes on once there is room',
    async () => {
      const disk = await mkdtemp(join(home, 'disk-'));
      try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk], { stdio: 'ignore' });
      } catch {
        process.stdout.write('skipped, because this needs the right to mount\n');
        return;
      }
      afterwards(() => execFileSync('umount', ['-l', disk]));
      await writeFile(join(disk, 'ballast'), Buffer.alloc(1000 * 1024));
      const own = [...there.slice(0, 2), '--backups', disk];
      const { code, stderr } = await ask('backup', 'create', '--kind', 'logical', '--no-verify', ...own);
      expect(code).toBe(3);
      expect(stderr).toMatch(/could not be written.*no space left/is);
      expect((await readdir(disk)).filter((name) => name.includes('main_logical'))).toEqual([]);
      expect(await signals()).toContain('s1');
      await rm(join(disk, 'ballast'));
      expect((await ask('backup', 'create', '--kind', 'logical', '--no-verify', ...own)).code).toBe(0);
      expect(await listBackups(disk)).toHaveLength(1);
    },
  );
});

describe('claire restore', () => {
  test('brings a book back in the place of what is there, which is kept', async () => {
    const own = await elsewhere();
    await createBook(desk.database, 'back');
    await record('before', 'back');
    const taken = await json<Shown>(
      'backup',
      'create',
      '--book',
      'back',
      '--kind',
      'logical',
      ...scratch,
      ...own,
    );
    await record('after', 'back');
    const restore = ['restore', taken.name, '--book', 'back', ...scratch, ...own];
    const filled = await ask(...restore);
    expect(filled).toMatchObject({ code: 4, stdout: '' });
    expect(filled.stderr).toContain('--replace');
    const unasked = await ask(...restore, '--replace');
    expect(unasked).toMatchObject({ code: 4, stdout: '' });
    expect(await signals('back')).toEqual(['before', 'after']);
    const { code, stdout } = await ask(...restore, '--replace', '--yes');
    expect(code).toBe(0);
    expect(stdout).toMatch(/Book back is as it was in back_logical/);
    expect(await signals('back')).toEqual(['before']);
    // What was there a moment before can be had again.
    const [saved] = await json<Shown[]>('backup', 'list', ...own);
    expect(saved?.verified?.ok).toBe(true);
    expect((await ask('restore', saved!.name, '--as', 'again', ...scratch, ...own)).code).toBe(0);
    expect(await signals('again')).toEqual(['before', 'after']);
  });

  test('says which moments are none, and which backup is not for them', async () => {
    const own = await elsewhere();
    const taken = await json<Shown>('backup', 'create', '--kind', 'logical', '--no-verify', ...own);
    for (const [time, found] of [
      ['yesterday', 'is no time'],
      ['2026-11-20 14:03', 'is no time'],
      ['2026-11-20 14:03:00Z', 'wants a physical backup'],
    ]) {
      const { code, stderr } = await ask('restore', taken.name, '--to-time', time!, ...own);
      expect(code).toBe(2);
      expect(stderr).toContain(found);
    }
    const none = await ask('restore', '--to-time', '1d', '--as', 'x', ...own);
    expect(none.stderr).toMatch(/no physical backup/i);
  });
});

describe('every day', () => {
  const HOUR = 3_600_000;

  /** Turns of the loop, at these times. */
  async function turns(backups: string, times: number[], books = ['main']) {
    const end = new AbortController();
    const told: string[] = [];
    const settings = { backups, key: undefined, scratch: scratch[1], hook: undefined, gzip: 1 };
    let at = 0;
    const taken: number[] = [];
    await keepTaking({
      place: { database: () => desk.database, url: () => there[1]!, server: undefined } as never,
      settings: settings as never,
      ...{ minutes: 180, kinds: ['logical'], signal: end.signal, books: async () => books },
      onTaken: (sentence) => told.push(sentence),
      onError: (error) => told.push(String(error)),
      now: () => times[at]!,
      clock: {
        now: () => times[at]!,
        async sleep() {
          taken.push((await listBackups(backups)).length);
          at += 1;
          if (at === times.length) end.abort();
        },
      },
    });
    return { told, taken };
  }

  test('one is taken when the time has come, of a book that was there before', async () => {
    const backups = join(home, 'daily');
    await mkdir(backups);
    const tomorrow = (Math.floor(Date.now() / (24 * HOUR)) + 1) * 24 * HOUR;
    const { told, taken } = await turns(backups, [
      // The book was made a moment ago: nothing was missed.
      Date.now(),
      // Whether today's three has come yet or not, tomorrow's has.
      tomorrow + 3.1 * HOUR,
    ]);
    expect(taken).toEqual([0, 1]);
    expect(told).toEqual([expect.stringMatching(/main_logical_\w+ is taken, and was restored/)]);
  });

  test('what fails is told, and tried again later the same day', async () => {
    const backups = join(home, 'daily-2');
    const later = Date.now() + 48 * HOUR;
    const { told, taken } = await turns(backups, [later, later + 60_000, later + 660_000], ['no_such_book']);
    expect(taken).toEqual([0, 0, 0]);
    expect(told).toHaveLength(2);
  });
});
