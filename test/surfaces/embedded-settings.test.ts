import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startEmbedded } from '../../src/database/embedded/index.js';
import { freePort } from '../harness/ports.js';
import { query, rested } from './embedded-ground.js';

/** What later releases set, beyond what the first did. */
const LATER = {
  log_min_duration_statement: '250ms',
  log_parameter_max_length: '0',
  log_parameter_max_length_on_error: '0',
  track_io_timing: 'on',
  'pg_stat_statements.track_utility': 'off',
  'pg_stat_statements.max': '2000',
};
const NAMES = Object.keys(LATER);

/** Starts a server on the data and gives what it says of these settings. */
async function settingsOf(dataDir: string): Promise<Record<string, string>> {
  const server = await startEmbedded({ dataDir, port: await freePort(), settings: { fsync: 'off' } });
  const asked = NAMES.map((name) => `current_setting('${name}') as "${name}"`).join(', ');
  const [row] = await query(server, 'postgres', `select ${asked}`);
  await server.stop();
  return row;
}

const fileOf = (dataDir: string) => join(dataDir, 'postgres', 'postgresql.conf');

/** The file as the first release wrote it, and what somebody added. */
async function asBefore(dataDir: string, own = ''): Promise<void> {
  const lines = (await readFile(fileOf(dataDir), 'utf8')).split('\n');
  const kept = lines.filter((line) => !NAMES.some((name) => line.startsWith(name)));
  await writeFile(fileOf(dataDir), `${kept.join('\n')}\n${own}`);
}

test('a new server logs slow statements without what they were given, and counts statements', async () => {
  expect(await settingsOf(await rested())).toEqual(LATER);
});

test('a server of an earlier release gets what it lacks with its next start, once', async () => {
  const dataDir = await rested();
  await asBefore(dataDir);
  expect(await settingsOf(dataDir)).toEqual(LATER);
  const after = await readFile(fileOf(dataDir), 'utf8');
  expect(await settingsOf(dataDir)).toEqual(LATER);
  expect(await readFile(fileOf(dataDir), 'utf8')).toBe(after);
});

test('what somebody has set stays', async () => {
  const dataDir = await rested();
  await asBefore(dataDir, 'track_io_timing=off\n');
  await writeFile(join(dataDir, 'postgres', 'postgresql.auto.conf'), "log_min_duration_statement = '1s'\n");
  expect(await settingsOf(dataDir)).toEqual({
    ...LATER,
    track_io_timing: 'off',
    log_min_duration_statement: '1s',
  });
});
