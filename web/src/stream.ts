import { ApiError, addressOf, type Caller, headersOf, refusalOf } from './api.js';
import { reader, type Sent } from './event-text.js';

export interface Listener {
  /** What the stream brings, its `hello` first: from there on it tells of everything. */
  onEvent(sent: Sent): void;
  /** It is lost, and is tried again by itself. */
  onLost(why: ApiError | undefined): void;
}

/** The server says something every 10 s: after this the connection is dead, whatever the network believes. */
const SILENCE_MS = 25_000;
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 5000;

/** Follows the stream until stopped. EventSource cannot send a token but in the address, where it does not belong. */
export function follow(caller: Caller, listener: Listener): () => void {
  const end = new AbortController();
  void (async () => {
    let last: string | undefined;
    for (let failures = 0; !end.signal.aborted; failures++) {
      const why = await listen(caller, last, end.signal, (sent) => {
        last = sent.id ?? last;
        if (sent.event === 'hello') failures = 0;
        if (!end.signal.aborted) listener.onEvent(sent);
      });
      if (end.signal.aborted) return;
      listener.onLost(why);
      await pause(Math.max(1000 * (why?.retry_after_seconds ?? 0), delayOf(failures)), end.signal);
    }
  })();
  return () => end.abort();
}

/** Not all pages of a desk at the same moment. */
const delayOf = (failures: number): number =>
  Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures) * (0.75 + Math.random() / 2);

/** Until the connection ends; with what the server said, where it refused. */
async function listen(
  caller: Caller,
  last: string | undefined,
  stop: AbortSignal,
  onEvent: Listener['onEvent'],
): Promise<ApiError | undefined> {
  const connection = new AbortController();
  const hangUp = () => connection.abort();
  stop.addEventListener('abort', hangUp, { once: true });
  let silence = setTimeout(hangUp, SILENCE_MS);
  try {
    const accept = { accept: 'text/event-stream', ...(last === undefined ? {} : { 'last-event-id': last }) };
    const answer = await fetch(addressOf(caller, '/v1/stream'), {
      headers: headersOf(caller, accept),
      signal: connection.signal,
    });
    if (!answer.ok || !answer.body) return await refusalOf(answer);
    const take = reader(onEvent);
    const body = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await body.read();
      if (done) return undefined;
      clearTimeout(silence);
      silence = setTimeout(hangUp, SILENCE_MS);
      take(value);
    }
  } catch (error) {
    return error instanceof ApiError ? error : undefined;
  } finally {
    clearTimeout(silence);
    stop.removeEventListener('abort', hangUp);
    connection.abort();
  }
}

function pause(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener('online', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    // The machine woke up or found its network again.
    addEventListener('online', done);
    stop.addEventListener('abort', done, { once: true });
  });
}
