import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findEmbedded } from '../../src/database/embedded/index.js';
import { freePort } from '../harness/ports.js';
import { ask, json, start } from '../surfaces/cli-run.js';
import { afterwards, query, rested } from '../surfaces/embedded-ground.js';
import { backupsDirectory } from '../surfaces/physical-ground.js';

const signal = (id: string) =>
  `insert into main.signals (signal_id, symbol, side, price, confidence, timestamp)
   values ('${id}', 'X', 'BUY', 1, 0.5, 1705072800000)`;

test('a book comes back as it was at a moment, and a lost server with all that was acknowledged before it stopped', async () => {
  const [data, backups] = [await rested('main'), await backupsDirectory()];
  const there = ['--data', data, '--backups', backups];
  const running = start(['up', '--backup-at', 'never', ...there, '--port', String(await freePort())]);
  afterwards(() => running.signal('SIGKILL'));
  await running.says('Ctrl-C');
  const server = (await findEmbedded(data))!;
  const run = (sql: string) => query(server, 'postgres', sql);
  expect((await ask('backup', 'create', '--kind', 'physical', '--no-verify', ...there)).code).toBe(0);
  await run(signal('first'));
  const [{ now }] = (await run(
    `select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US"Z"') as now`,
  )) as [{ now: string }];
  await run(signal('second'));
  const restored = await ask('restore', '--as', 'then', '--to-time', now, ...there);
  expect(restored.code, restored.stderr).toBe(0);
  expect(await run('select signal_id from "then".signals')).toEqual([{ signal_id: 'first' }]);
  await run(signal('last'));
  running.signal('SIGINT');
  expect((await running.ended).code).toBe(0);
  // What the server archived when it stopped has been taken, too.
  expect(await readdir(join(data, 'wal-spool'))).toEqual(['.wanted']);
  await rm(data, { recursive: true });
  expect((await ask('restore', ...there)).code).toBe(0);
  const found = await json<{ signal_id: string }[]>('signals', '--data', data);
  expect(found.map(({ signal_id }) => signal_id).sort()).toEqual(['first', 'last', 'second']);
});
