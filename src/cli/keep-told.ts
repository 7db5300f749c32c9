import type { UpkeepRuns } from '../http/metrics/sources.js';
import type { Log } from '../log/index.js';
import { booksKept } from './books.js';
import type { Invocation } from './command.js';
import { keepBackups } from './daily-backups.js';
import { keepTellingOfHalts, type Notice, notifier } from './notify.js';
import type { Place } from './session.js';

/** What is known of the work of this process, for the log and for metrics. */
export interface Told {
  log: Log;
  runs: UpkeepRuns;
  backupFailures: number;
}

export interface Looking {
  book: string;
  told: Told;
  signal: AbortSignal;
}

/** Backups by the clock, and whoever is to be told of what went wrong and of halts. */
export async function keepTold(
  invocation: Invocation,
  place: Place,
  { book, told, signal }: Looking,
): Promise<{ ended: Promise<void> }> {
  const { out, options } = invocation;
  const { log } = told;
  const onError = (error: unknown) => {
    log.tell('notice_failed', { error });
    out.note(`notify: ${error instanceof Error ? error.message : String(error)}`);
  };
  const notify = notifier(options.notify as string | undefined, { signal, onError });
  const admin = place.database('postgres');
  const onHalt = async (notice: Notice) => {
    tellOfHalt(log, notice);
    await notify?.(notice);
  };
  const isWanted = notify !== undefined || log.isRead;
  const halts =
    isWanted && keepTellingOfHalts(admin, () => booksKept(place, book), onHalt, { signal, onError });
  const sent: Promise<void>[] = [];
  const backups = await keepBackups(invocation, place, book, {
    ...{ signal, log },
    onFailure(message) {
      told.backupFailures++;
      if (notify) sent.push(notify({ event: 'backup_failed', message }));
    },
  });
  return { ended: Promise.all([halts, backups.ended]).then(async () => void (await Promise.all(sent))) };
}

function tellOfHalt(log: Log, notice: Notice): void {
  if (notice.event === 'backup_failed') return;
  const { event, book, cause, actor, reason } = notice;
  log.tell(event === 'halt' ? 'trading_halted' : 'trading_resumed', { book, cause, actor, reason });
}
