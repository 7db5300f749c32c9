import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, type Caller } from './api.js';
import { live } from './live.js';
import { useCaller } from './session.js';
import { useStore } from './store.js';

/** What a panel knows of its answer: the last good one stays while it is asked anew, also when that fails. */
export interface Loaded<Of> {
  data: Of | undefined;
  error: ApiError | undefined;
  /** When the answer that is shown was given; undefined while there is none. */
  at_ms: number | undefined;
  again(): void;
}

export interface LoadOptions {
  /** Asks again after this long, while the page is looked at. */
  every_ms?: number;
  /** Asks again when one of these has come by the stream, at most every second. */
  on?: readonly string[];
}

const RETRY_MS = 5000;
const GATHER_MS = 1000;

/**
 * Loads for one panel, apart from all others. `key` names what is asked for: another one begins anew; the same is asked
 * again after the connection was lost, and on its own beat.
 */
export function useLoad<Of>(
  key: string,
  ask: (caller: Caller) => Promise<Of>,
  { every_ms, on }: LoadOptions = {},
): Loaded<Of> {
  const caller = useCaller();
  const epoch = useStore(live.epoch);
  const [asked, askAgain] = useState(0);
  const whole = `${caller.book}|${caller.token !== undefined}|${key}`;
  const [state, setState] = useState<Omit<Loaded<Of>, 'again'> & { whole: string }>();
  const asking = useRef(ask);
  asking.current = ask;

  useEffect(() => {
    let isWanted = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const later = (ms: number | undefined) => {
      if (ms === undefined || !isWanted) return;
      timer = setTimeout(() => (document.hidden ? later(ms) : askAgain((n) => n + 1)), ms);
    };
    asking.current(caller).then(
      (data) => {
        if (!isWanted) return;
        setState({ whole, data, error: undefined, at_ms: Date.now() });
        later(every_ms);
      },
      (thrown: unknown) => {
        if (!isWanted) return;
        const error = thrown instanceof ApiError ? thrown : defect(thrown);
        setState((before) => ({ at_ms: undefined, data: undefined, ...sameOf(before, whole), whole, error }));
        // What the caller may not do does not change by asking.
        if (error.problem.status === 0 || error.problem.status >= 429) {
          later(Math.max(RETRY_MS, 1000 * (error.retry_after_seconds ?? 0)));
        } else later(every_ms);
      },
    );
    return () => {
      isWanted = false;
      clearTimeout(timer);
    };
  }, [whole, epoch, asked, caller.token]);

  useEffect(() => {
    if (!on) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = live.watch(on, () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        askAgain((n) => n + 1);
      }, GATHER_MS);
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [on?.join()]);

  const shown = sameOf(state, whole);
  const again = () => askAgain((n) => n + 1);
  return { data: shown?.data, error: shown?.error, at_ms: shown?.at_ms, again };
}

/** An answer to another question is not shown under this one. */
const sameOf = <State extends { whole: string }>(
  state: State | undefined,
  whole: string,
): State | undefined => (state?.whole === whole ? state : undefined);

const defect = (thrown: unknown): ApiError =>
  new ApiError({
    ...{ title: 'Defect', status: 1, code: 'page_defect' },
    detail: `The page could not work with the answer: ${String(thrown)}.`,
    remedy: 'This is a defect of Claire: report it with this sentence.',
  });
