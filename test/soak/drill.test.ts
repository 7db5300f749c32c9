import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { rested } from '../surfaces/embedded-ground.js';

/**
 * Three services as processes, sixty callers. The long forms are `node bench/connections-drill.js --seconds 600` and
 * `node bench/connections-load.js`; `test/unit/connection-laws.test.ts` breaks each of their laws.
 */
async function run(script: string, ...options: string[]) {
  const dataDir = await rested('main');
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [script, '--json', '--fsync', 'off', '--data', dataDir, ...options],
    { maxBuffer: 1e7 },
  ).catch((error: { stdout: string; stderr: string }) => {
    // Exit code 1 is a broken law, which the result names.
    if (error.stdout) return error;
    throw error;
  });
  return JSON.parse(stdout);
}

test('no caller gets a raw error, nothing acknowledged is lost or doubled, and all work again, whatever is broken', async () => {
  const result = await run('bench/connections-drill.js');
  expect(result.broken).toEqual([]);
  expect(result.phases.map(({ fault }: { fault: string }) => fault)).toEqual([
    'nothing',
    'backends killed',
    'connections cut',
    'commits lost',
    'full pool',
    'borrower that never returns',
    'network severed',
    'network frozen',
    'server restarted',
    'server killed',
  ]);
  // Who does nothing breaks no law.
  for (const kind of ['signal', 'decision', 'fill', 'close', 'event'])
    expect(result.record[kind]).toBeGreaterThan(0);
  expect(result.samples.most).toBeGreaterThan(13);
});

test('everybody at their peak has thirty connections, and only those that stay are left after it', async () => {
  const result = await run('bench/connections-load.js', '--seconds', '4');
  expect(result.broken).toEqual([]);
  expect(result.peak.most).toBe(30);
  expect(result.rest.last_by_role).toEqual(result.bases);
});
