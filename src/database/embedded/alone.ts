import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';
import { ClaireError } from '../../errors/index.js';
import { type AdminTarget, asSuperuser } from './admin.js';

/** Any fixed number, the same in every process. */
const LOCK = 5_432_001;
const LOCK_WAIT_MS = 60_000;

/**
 * Works while no other process sets this server up or writes its pgpass file. The lock is the server's, so it ends with
 * whoever held it.
 */
export const alone = <T>(target: AdminTarget, work: (client: Client) => Promise<T>): Promise<T> =>
  asSuperuser(target, async (client) => {
    await lock(client);
    return work(client);
  });

/** Polled: a session blocked in pg_advisory_lock holds a snapshot all the while, and has no end of its own. */
async function lock(client: Client): Promise<void> {
  const end = Date.now() + LOCK_WAIT_MS;
  for (;;) {
    const { rows } = await client.query<{ locked: boolean }>('select pg_try_advisory_lock($1) as locked', [
      LOCK,
    ]);
    if (rows[0]?.locked) return;
    if (Date.now() > end) {
      throw new ClaireError('embedded_start_failed', {
        found: 'Another start has been setting it up for a minute.',
      });
    }
    await sleep(30);
  }
}
