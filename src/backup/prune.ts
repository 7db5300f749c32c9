import { type Listed, removeBackup } from './repository.js';

/** As the seed has it. */
export const KEEP_MS = 30 * 86_400_000;

/**
 * Removes backups that are older than they need be kept. The newest of a book and a kind that was verified stays, however
 * old it is; what cannot be read is left for a person to look at.
 */
export async function pruneBackups(
  listed: readonly Listed[],
  { now = Date.now(), keep_ms = KEEP_MS }: { now?: number; keep_ms?: number } = {},
): Promise<Listed[]> {
  const gone = prunable(listed, now, keep_ms);
  for (const each of gone) await removeBackup(each);
  return gone;
}

function prunable(listed: readonly Listed[], now: number, keep_ms: number): Listed[] {
  const seen = new Set<string>();
  // The newest first: the first verified one of its sort is the one that stays.
  return listed.filter(({ side, verified }) => {
    if (!side) return false;
    const sort = [side.kind, side.server.system_identifier, side.server.database]
      .concat(side.kind === 'physical' ? [] : side.books.map(({ book }) => book))
      .join(' ');
    // One of the time to come is from a clock that was wrong: what is newest beside it stays, too.
    const isNewestVerified = verified?.ok === true && side.begun_ms <= now && !seen.has(sort);
    if (isNewestVerified) seen.add(sort);
    return !isNewestVerified && side.taken_ms < now - keep_ms;
  });
}
