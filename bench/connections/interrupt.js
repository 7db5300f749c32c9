/** Runs work to its end or to Ctrl-C, and undoes what it made either way. */
import { cleanUp, Undo } from '../migrate-live/place.js';

const INTERRUPTED = 130;

/** @param {(undo: Undo) => Promise<number>} work  @returns {Promise<number>} the exit code */
export async function interruptible(work) {
  const undo = new Undo();
  const interrupted = new Promise((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => resolve(INTERRUPTED));
  });
  try {
    const worked = work(undo);
    // What it works with is taken away when it is interrupted: how it ends then is of no interest.
    worked.catch(() => {});
    return await Promise.race([worked, interrupted]);
  } finally {
    await cleanUp(undo);
  }
}
