import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, type Caller } from './api.js';
import { live } from './live.js';
import { type Pace, paced, type Rest } from './pace.js';
import { useCaller } from './session.js';

/** What a panel knows of its answer: the last good one stays while it is asked anew, also when that fails. */
export interface Loaded<Of> {
  data: Of | undefined;
  error: ApiError | undefined;
  /** When what is shown was asked for: it is at most that old. Undefined while there is none. */
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
/** What is read after the stream began needs no second reading; a stream that is slow holds nothing up. */
const HEAD_START_MS = 300;

/**
 * Loads for one panel, apart from all others. `key` names what is asked for: another one begins anew, and nothing is
 * asked without one. The same is asked again when the stream begins anew, and on its own beat.
 */
export function useLoad<Of>(
  key: string | undefined,
  ask: (caller: Caller) => Promise<Of>,
  { every_ms, on }: LoadOptions = {},
): Loaded<Of> {
  const caller = useCaller();
  const whole = `${caller.book}|${caller.token !== undefined}|${key}`;
  const [state, setState] = useState<Omit<Loaded<Of>, 'again'> & { whole: string }>();
  const asking = useRef(ask);
  asking.current = ask;
  const pace = useRef<Pace | undefined>(undefined);

  useEffect(() => {
    if (key === undefined) return;
    const left = new AbortController();
    const once = async (): Promise<Rest> => {
      const at_ms = Date.now();
      try {
        const data = await asking.current({ ...caller, signal: left.signal });
        if (!left.signal.aborted) setState({ whole, data, error: undefined, at_ms });
        return { beat_ms: every_ms };
      } catch (thrown) {
        if (left.signal.aborted) return {};
        const error = thrown instanceof ApiError ? thrown : defect(thrown);
        setState((before) => ({ at_ms: undefined, data: undefined, ...sameOf(before, whole), whole, error }));
        return restAfter(error, every_ms);
      }
    };
    const isStreamComing = live.connection.get().state === 'connecting';
    const mine = paced(once, { first_ms: isStreamComing ? HEAD_START_MS : 0, isIdle: () => document.hidden });
    pace.current = mine;
    const stops = [
      live.epoch.subscribe(() => mine.ask('at once')),
      on && live.watch(on, () => mine.ask()),
      () => mine.stop(),
      () => left.abort(),
    ];
    return () => {
      for (const stop of stops) stop?.();
    };
  }, [whole, caller.token, on?.join()]);

  const shown = sameOf(state, whole);
  const again = () => pace.current?.ask('at once');
  return { data: shown?.data, error: shown?.error, at_ms: shown?.at_ms, again };
}

/** What the caller may not do does not change by asking. */
function restAfter({ problem, retry_after_seconds }: ApiError, every_ms: number | undefined): Rest {
  if (problem.status !== 0 && problem.status < 429) return { beat_ms: every_ms };
  const pause_ms = Math.max(RETRY_MS, 1000 * (retry_after_seconds ?? 0));
  return { least_ms: pause_ms, beat_ms: pause_ms };
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

/**
 * Several answers as one, for a panel that shows them together: it waits until all are there. Where one fails what is
 * known of the others is given and what is not is left out; it is as old as its oldest part.
 */
export function together<Parts extends Record<string, unknown>>(
  parts: {
    [Name in keyof Parts]: Loaded<Parts[Name]>;
  },
): Loaded<{ [Name in keyof Parts]: Parts[Name] | undefined }> {
  const all = Object.entries(parts) as [keyof Parts, Loaded<Parts[keyof Parts]>][];
  const known = all.filter(([, { data }]) => data !== undefined);
  const error = all.find(([, part]) => part.error)?.[1].error;
  const isShown = known.length === all.length || (error !== undefined && known.length > 0);
  const times = all.flatMap(([, { at_ms }]) => (at_ms === undefined ? [] : [at_ms]));
  type Data = { [Name in keyof Parts]: Parts[Name] | undefined };
  return {
    data: isShown ? (Object.fromEntries(known.map(([name, { data }]) => [name, data])) as Data) : undefined,
    error,
    at_ms: isShown && times.length > 0 ? Math.min(...times) : undefined,
    again() {
      for (const [, part] of all) part.again();
    },
  };
}
