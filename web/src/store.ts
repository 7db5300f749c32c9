import { useEffect, useState } from 'preact/hooks';

/** A value that many parts of the page look at. */
export interface Store<Of> {
  get(): Of;
  set(value: Of): void;
  subscribe(told: () => void): () => void;
}

export function store<Of>(first: Of): Store<Of> {
  let value = first;
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const told of [...listeners]) told();
    },
    subscribe(told) {
      listeners.add(told);
      return () => void listeners.delete(told);
    },
  };
}

export function useStore<Of>(from: Store<Of>): Of {
  const [, draw] = useState({});
  useEffect(() => {
    const told = () => draw({});
    // It may have changed between drawing and now.
    told();
    return from.subscribe(told);
  }, [from]);
  return from.get();
}

/** One clock for every age on the page, so that they tick together. */
const clock = store(Date.now());
setInterval(() => clock.set(Date.now()), 1000);
export const useNow = (): number => useStore(clock);
