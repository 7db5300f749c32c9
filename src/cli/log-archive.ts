import { archiveOf, LEVELS, pruneArchive, type Sweeping, sweepArchive } from '../backup/index.js';
import type { EmbeddedServer } from '../database/embedded/index.js';
import { type Clock, systemClock } from '../upkeep/index.js';
import type { BackupSettings } from './backups.js';
import type { Place } from './session.js';

/** The server ends a file of its log after a minute at the latest; this little comes on top. */
const SWEEP_MS = 5000;
const PRUNE_MS = 600_000;

/** How the embedded server's log is taken into the archive beside the backups; undefined for another server. */
export async function sweepingOf(place: Place, settings: BackupSettings): Promise<Sweeping | undefined> {
  return place.server && sweepingFrom(place.server, settings);
}

async function sweepingFrom(server: EmbeddedServer, settings: BackupSettings): Promise<Sweeping> {
  const archive = archiveOf(settings.backups, await server.systemIdentifier());
  return {
    spool: server.spool,
    archive,
    coding: { gzip: settings.gzip ?? LEVELS.physical, key: settings.key },
  };
}

/** A server that is stopped archives the rest of its log: what was acknowledged last lies elsewhere, too. */
export async function sweepLast(server: EmbeddedServer, settings: BackupSettings): Promise<void> {
  await sweepArchive(await sweepingFrom(server, settings));
}

/** Takes away what the server archives, as long as the signal is not aborted. */
export async function keepArchiving(
  place: Place,
  settings: BackupSettings,
  {
    signal,
    onError,
    clock = systemClock,
  }: { signal: AbortSignal; onError(error: unknown): void; clock?: Clock },
): Promise<void> {
  const sweeping = await sweepingOf(place, settings);
  if (!sweeping) return;
  // The process that ends a file after a minute looked once while the server was starting, saw that it was not its time yet,
  // and sleeps for five: this wakes it.
  await place.database('postgres').query('select pg_reload_conf()').catch(onError);
  let pruneAt = clock.now();
  let isTold = false;
  while (!signal.aborted) {
    try {
      await sweepArchive(sweeping);
      if (clock.now() >= pruneAt) {
        await pruneArchive(settings.backups, await place.server!.systemIdentifier(), sweeping.archive);
        pruneAt = clock.now() + PRUNE_MS;
      }
      isTold = false;
    } catch (error) {
      if (!isTold) onError(error);
      isTold = true;
    }
    await clock.sleep(SWEEP_MS, signal);
  }
}
