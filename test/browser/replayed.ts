import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { freePort } from '../harness/ports.js';
import { scratchRoot } from '../harness/scratch.js';
import { CHROMIUM } from './chromium.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** A data directory with the replayed book demo, at rest; it is copied and never changed. */
    replayed: string;
  }
}

/** The replay of `npm start` once for all files, by the command itself. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const base = await mkdtemp(join(scratchRoot(), 'claire-replayed-'));
  await chmod(base, 0o755);
  const data = join(base, 'data');
  if (existsSync(CHROMIUM)) {
    const args = ['up', '--demo', '--exit-when-done', '--data', data, '--port', String(await freePort())];
    execFileSync(process.execPath, ['bin/claire.js', ...args, '--http', 'off'], { stdio: 'ignore' });
  }
  project.provide('replayed', data);
  return () => rm(base, { recursive: true, force: true, maxRetries: 5 });
}
