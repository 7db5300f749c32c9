import { ClaireError, EXIT, entryOf } from '../errors/index.js';
import { type OpenOptions, openBackup } from './opened.js';
import { type Listed, writeVerified } from './repository.js';
import type { Verified } from './side-file.js';

/**
 * Restores a backup and says whether that is what was backed up, here and in the file beside it. A backup that cannot be
 * restored is an answer, not an error; that nothing could be tried is one.
 */
export async function verifyBackup(listed: Listed, options: OpenOptions): Promise<Verified> {
  const begun = Date.now();
  const result = await tryIt(listed, options);
  const verified = { at_ms: Date.now(), duration_ms: Date.now() - begun, ...result };
  if (listed.side) await writeVerified(listed, verified);
  return verified;
}

async function tryIt(
  listed: Listed,
  options: OpenOptions,
): Promise<Pick<Verified, 'ok' | 'problems' | 'broken' | 'server' | 'laws'>> {
  try {
    return await openBackup(
      listed,
      { ...options, asItWas: true },
      async ({ problems, broken, laws, scratch }) => ({
        ...{ ok: problems.length === 0, problems, broken, server: scratch.major, laws },
      }),
    );
  } catch (error) {
    // What was cut off says nothing of the backup.
    options.signal?.throwIfAborted();
    if (!(error instanceof ClaireError) || entryOf(error.code).exit !== EXIT.broken) throw error;
    return { ok: false, problems: [error.message], broken: [], server: 0, laws: 0 };
  }
}
