/** Ctrl-C or SIGTERM ended the work; nobody needs to be told what they just did. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** The work's result, or Interrupted as soon as the signal is aborted; the work may still be in flight then. */
export async function untilInterrupted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  let stop = () => {};
  const interruption = new Promise<never>((_, reject) => {
    stop = () => reject(new Interrupted());
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
  });
  // Its connections are taken away when the command leaves: how it ends then is of no interest.
  work.catch(() => {});
  try {
    return await Promise.race([work, interruption]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Where SIGHUP arrives the terminal is gone: the same as Ctrl-C. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** npm passes a Ctrl-C on that the terminal has sent to us as well: that is not yet a second one. */
const SECOND_MS = 500;

/** A signal that Ctrl-C aborts. A second Ctrl-C calls `giveUp`. */
export function listenForInterrupts(giveUp: () => void): AbortSignal {
  const controller = new AbortController();
  let first = Number.POSITIVE_INFINITY;
  for (const name of SIGNALS) {
    process.on(name, () => {
      if (Date.now() - first > SECOND_MS) giveUp();
      first = Math.min(first, Date.now());
      controller.abort();
    });
  }
  return controller.signal;
}
