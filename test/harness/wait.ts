import { vi } from 'vitest';

/** Waits until a function does not throw any more, and gives what it gave. It may take long: machines are slow now and then. */
export const waitFor: typeof vi.waitFor = (callback, options = {}) =>
  vi.waitFor(callback, {
    timeout: 30_000,
    ...(typeof options === 'number' ? { timeout: options } : options),
  });
