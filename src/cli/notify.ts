import { setting } from '../config.js';
import { identifier, type Queryable } from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import { type Clock, systemClock } from '../upkeep/index.js';

/** What somebody is woken for. */
export type Notice =
  | {
      event: 'halt' | 'resume';
      book: string;
      actor: string;
      cause: string;
      reason: string;
      timestamp: number;
    }
  | { event: 'backup_failed'; message: string };

export type Notify = (notice: Notice) => Promise<void>;

/** A receiver that takes longer is not there. */
const PATIENCE_MS = 10_000;
/** Between tries; what is lost after the last is told on standard error. */
const PAUSES_MS = [0, 1000, 5000, 30_000];

/**
 * Sends notices to the URL of the setting, as JSON by POST; undefined where none is set.
 * @throws ClaireError usage_invalid
 */
export function notifier(
  given: string | undefined,
  {
    signal,
    onError,
    clock = systemClock,
  }: { signal: AbortSignal; onError(error: unknown): void; clock?: Clock },
): Notify | undefined {
  const url = setting('notify', given);
  if (url === undefined) return undefined;
  // It may hold a secret, so no error repeats it.
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw new ClaireError('usage_invalid', {
      found: '--notify wants a URL that begins with http:// or https://.',
    });
  return async (notice) => {
    let problem = '';
    for (const pause of PAUSES_MS) {
      await clock.sleep(pause, signal);
      const sent = await send(url, notice).catch((error: Error) => error.message);
      if (sent === undefined) return;
      problem = sent;
      if (signal.aborted) break;
    }
    onError(`${notice.event} could not be sent on: ${problem}.`);
  };
}

/** What went wrong; undefined where it arrived. */
async function send(url: string, notice: Notice): Promise<string | undefined> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(notice),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  await answer.body?.cancel();
  return answer.ok ? undefined : `the receiver answered ${answer.status}`;
}

const LOOK_MS = 2000;

/** Tells of each halt and each resumption from now on, of every book, until the signal is aborted. */
export async function keepTellingOfHalts(
  admin: Queryable,
  books: () => Promise<string[]>,
  notify: Notify,
  {
    signal,
    onError,
    clock = systemClock,
  }: { signal: AbortSignal; onError(error: unknown): void; clock?: Clock },
): Promise<void> {
  const told = new Map<string, string>();
  const look = async (book: string) => {
    const from = told.get(book);
    const rows = await admin.query<{ id: string } & Extract<Notice, { reason: string }>>(
      `select id::text, action as event, actor, cause, reason, timestamp
       from ${identifier(book)}.halts where $1::bigint is null or id > $1 order by id`,
      [from ?? null],
    );
    told.set(book, rows.at(-1)?.id ?? from ?? '0');
    // What was there before is known already.
    for (const { id, ...row } of from === undefined ? [] : rows) await notify({ ...row, book });
  };
  let isTold = false;
  while (!signal.aborted) {
    try {
      for (const book of await books()) await look(book);
      isTold = false;
    } catch (error) {
      // A book that is dropped in between is gone at the next look.
      if (!isTold && !(error instanceof ClaireError && error.code === 'schema_missing')) onError(error);
      isTold = true;
    }
    await clock.sleep(LOOK_MS, signal);
  }
}
