import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  isDue,
  type Kind,
  type Listed,
  newestVerified,
  pruneBackups,
  timeOfDay,
} from '../../src/backup/index.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const TODAY = Date.UTC(2026, 10, 23);
const ORIGIN = { book: 'main', systemIdentifier: '7', database: 'desk' };

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'claire-schedule-'));
});
afterAll(() => rm(home, { recursive: true }));

interface Of {
  kind?: Kind;
  ok?: boolean;
  book?: string;
  server?: string;
  database?: string;
}

/** What a directory would say of a backup; only what is looked at. */
const taken = (
  taken_ms: number,
  { kind = 'logical', ok, book = 'main', server = '7', database = 'desk' }: Of = {},
) =>
  ({
    name: `${book}_${kind}_${taken_ms}`,
    directory: join(home, `${book}_${kind}_${server}_${taken_ms}`),
    side: {
      ...{ kind, taken_ms, begun_ms: taken_ms, complete_until_ms: taken_ms - 5, books: [{ book }] },
      server: { system_identifier: server, database },
    },
    ...(ok === undefined ? {} : { verified: { ok } }),
  }) as unknown as Listed;

describe('a backup is due', () => {
  const due = (now: number, listed: Listed[], madeAt = TODAY - 10 * DAY) =>
    isDue(listed, ORIGIN, { kind: 'logical', minutes: 180, now, madeAt });

  test("from three o'clock on, until one was taken", () => {
    const yesterday = [taken(TODAY - DAY + 3 * HOUR)];
    expect(due(TODAY + 2.99 * HOUR, yesterday)).toBe(false);
    expect(due(TODAY + 3 * HOUR, yesterday)).toBe(true);
    expect(due(TODAY + 23 * HOUR, yesterday)).toBe(true);
    expect(due(TODAY + 23 * HOUR, [taken(TODAY + 3.01 * HOUR), ...yesterday])).toBe(false);
  });

  test('once, however many were missed', () => {
    expect(due(TODAY + HOUR, [taken(TODAY - 9 * DAY)])).toBe(true);
    expect(due(TODAY + HOUR, [taken(TODAY + 0.9 * HOUR), taken(TODAY - 9 * DAY)])).toBe(false);
  });

  test('of a new book at its first time, and not before', () => {
    expect(due(TODAY + 2 * HOUR, [], TODAY - HOUR)).toBe(false);
    expect(due(TODAY + 4 * HOUR, [], TODAY - HOUR)).toBe(true);
  });

  test('whatever was taken of another book, kind, server or database', () => {
    const others = [
      taken(TODAY + 5 * HOUR, { book: 'demo' }),
      taken(TODAY + 5 * HOUR, { kind: 'pg_dump' }),
      taken(TODAY + 5 * HOUR, { server: '8' }),
      taken(TODAY + 5 * HOUR, { database: 'other' }),
    ];
    expect(due(TODAY + 6 * HOUR, others)).toBe(true);
  });

  test('by a time of day, which is one or is none', () => {
    expect(['03:00', '00:00', '23:59'].map(timeOfDay)).toEqual([180, 0, 1439]);
    expect(['3:00', '24:00', '03:60', 'never', '03:00:00'].map(timeOfDay)).toEqual(Array(5).fill(undefined));
  });
});

describe('what is verified', () => {
  test('counts where it is of this server, database and book, and was found right', () => {
    const right = taken(TODAY, { ok: true });
    const listed = [
      taken(TODAY + 5, { ok: false }),
      taken(TODAY + 4),
      taken(TODAY + 3, { ok: true, server: '8' }),
      taken(TODAY + 2, { ok: true, database: 'other' }),
      taken(TODAY + 1, { ok: true, book: 'demo' }),
      right,
      taken(TODAY - 1, { ok: true }),
    ];
    expect(newestVerified(listed, ORIGIN, TODAY + DAY)).toBe(right);
    // A physical one holds every database.
    const physical = taken(TODAY, { ok: true, kind: 'physical', database: 'other' });
    expect(newestVerified([physical], ORIGIN, TODAY + DAY)).toBe(physical);
  });
});

describe('prune', () => {
  test('takes what is older than its term, and never the newest verified of a book and kind', async () => {
    const kept = [
      taken(TODAY - 10 * DAY),
      taken(TODAY - 40 * DAY, { ok: true }),
      taken(TODAY - 60 * DAY, { ok: true, kind: 'physical' }),
      taken(TODAY - 70 * DAY, { ok: true, book: 'demo' }),
      { name: 'damaged_logical', directory: join(home, 'damaged'), problem: 'half' },
    ];
    const gone = [
      taken(TODAY - 39 * DAY),
      taken(TODAY - 38 * DAY, { ok: false }),
      taken(TODAY - 41 * DAY, { ok: true }),
      taken(TODAY - 61 * DAY, { ok: true, kind: 'physical' }),
    ];
    const all = [...kept, ...gone].sort((a, b) => (b.side?.taken_ms ?? 0) - (a.side?.taken_ms ?? 0));
    for (const { directory } of all) await mkdir(directory);
    const removed = await pruneBackups(all, { now: TODAY });
    expect(new Set(removed)).toEqual(new Set(gone));
    expect(gone.filter(({ directory }) => existsSync(directory))).toEqual([]);
    expect(kept.filter(({ directory }) => !existsSync(directory))).toEqual([]);
  });
});
