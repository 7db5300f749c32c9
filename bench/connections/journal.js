/** What a service was told, line by line in a file that only grows: it outlives whatever becomes of the process. */
import { closeSync, existsSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { ClaireError } from '../../dist/index.js';

/**
 * @typedef {'signal' | 'decision' | 'verdict' | 'fill' | 'close' | 'event'} Kind
 * @typedef {object} Entry
 * @property {'tried' | 'acknowledged' | 'error' | 'notice'} what
 * @property {Kind} [kind]
 * @property {string[]} [ids]
 * @property {string} [answer] what was acknowledged, where that is more than its place in the record
 * @property {string} [error] class of an error
 * @property {string} [code]
 * @property {string} [message]
 * @property {Record<string, unknown>} [details]
 * @property {string} [during]
 * @property {unknown} [notice]
 */

/** @param {string} file */
export function openJournal(file) {
  const descriptor = openSync(file, 'a');
  // Synchronous: a line that is not in the file when the next call leaves may never get there.
  const write = (entry) => writeSync(descriptor, `${JSON.stringify({ at: Date.now(), ...entry })}\n`);
  return {
    /** Before a call leaves: whatever becomes of it, it may be in the record. */
    tried: (kind, ids) => write({ what: 'tried', kind, ids }),
    acknowledged: (kind, ids, answer) => write({ what: 'acknowledged', kind, ids, answer }),
    notice: (notice) => write({ what: 'notice', notice }),
    error: (during, error) => write({ what: 'error', during, ...describe(error) }),
    close: () => closeSync(descriptor),
  };
}

/** The class is asked and not read from a name: a driver's error could have any. */
function describe(error) {
  const isOurs = error instanceof ClaireError;
  return {
    error: isOurs ? 'ClaireError' : (error?.constructor?.name ?? typeof error),
    code: error?.code,
    message: error?.message ?? String(error),
    details: error?.details,
    ...(isOurs ? {} : { stack: error?.stack }),
  };
}

/** Reads what a journal has got since the last time, so that a long drill does not read it over and over. */
export function followJournal(file) {
  /** @type {(Entry & { at: number })[]} */
  const entries = [];
  let read = 0;
  return () => {
    if (!existsSync(file)) return entries;
    const descriptor = openSync(file, 'r');
    try {
      const fresh = Buffer.alloc(fstatSync(descriptor).size - read);
      readSync(descriptor, fresh, 0, fresh.length, read);
      // What comes after the last line end is half a line.
      const whole = fresh.subarray(0, fresh.lastIndexOf('\n') + 1);
      read += whole.length;
      for (const line of whole.toString().split('\n')) if (line !== '') entries.push(JSON.parse(line));
    } finally {
      closeSync(descriptor);
    }
    return entries;
  };
}
