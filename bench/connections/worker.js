/**
 * A service as a process of its own: one pool and many callers. It is asked over the channel of its parent, which hands
 * over the connection string too, so that no password is among the arguments.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../../dist/index.js';
import { randomIntegers } from '../../dist/services/market.js';
import { work } from './callers.js';
import { openJournal } from './journal.js';

const state = { isStopped: false, isPaused: false };
let claire;
let journal;
let callers = [];
let working;

const asked = {
  async connect({ options, file }) {
    journal = openJournal(file);
    // What nobody caught would end the process; here it is one more thing that nobody may get.
    process.on('unhandledRejection', (error) => journal.error('unhandled rejection', error));
    process.on('uncaughtException', (error) => journal.error('uncaught exception', error));
    claire = await connect({ ...options, onNotice: (notice) => journal.notice(told(notice)) });
  },

  /** `count` callers begin; they work until `stop`. */
  work({ service, name, count, seed, pace }) {
    callers = Array.from({ length: count }, () => ({
      ...{ answered: 0, acknowledged: 0, failed: 0, isResting: false },
    }));
    working = Promise.all(
      callers.map((counts, caller) => {
        const own = { caller, counts, random: randomIntegers(seed * 101 + caller) };
        return work({ ...own, service, name: `${name}-${caller}`, claire, journal, pace, state });
      }),
    );
  },
  counts: () => callers,
  /** Answers when the last caller has ended what it was in. */
  async pause() {
    state.isPaused = true;
    while (!callers.every(({ isResting }) => isResting)) await sleep(10);
  },
  resume() {
    state.isPaused = false;
  },

  /** So many callers that each keep a connection for so long. Gives how many of them had one. */
  async hold({ count, milliseconds }) {
    const held = Array.from({ length: count }, () =>
      holdsForLong(milliseconds).then(
        () => true,
        (error) => {
          journal.error('hold', error);
          return false;
        },
      ),
    );
    return (await Promise.all(held)).filter(Boolean).length;
  },

  /** Nobody waits for it, as for any promise that somebody forgot; until somebody has a connection that he keeps. */
  leak() {
    let isHeld = false;
    const borrow = () =>
      neverReturns(() => {
        isHeld = true;
      }).catch((error) => {
        journal.error('leak', error);
        if (!isHeld && !state.isStopped) borrow();
      });
    borrow();
  },

  /** So many transactions that are all inside at the same moment: as many places as that are usable. */
  async together({ count }) {
    let [inside, open] = [0, () => {}];
    const all = new Promise((resolve) => {
      open = resolve;
    });
    const one = () =>
      claire.transaction(async (t) => {
        await t.signals({ limit: 1 });
        if (++inside >= count) open();
        await Promise.race([all, sleep(1000)]);
      });
    const ends = await Promise.allSettled(Array.from({ length: count }, one));
    for (const { reason } of ends) if (reason) journal.error('together', reason);
    return inside;
  },

  /** Ends the callers after the call that each is in, and the pool. */
  async stop() {
    state.isStopped = true;
    await working;
    await claire?.close();
    journal?.close();
  },
};

/** Borrowers that a report must name: the stack of whoever borrowed has the name of its function. */
function holdsForLong(milliseconds) {
  return claire.transaction(async (t) => {
    await t.signals({ limit: 1 });
    await sleep(milliseconds);
  });
}

function neverReturns(onHeld) {
  return claire.transaction(async (t) => {
    await t.signals({ limit: 1 });
    onHeld();
    await new Promise(() => {});
  });
}

/** A notice as JSON keeps it: an error in it would be an empty object. */
const told = (notice) =>
  JSON.parse(JSON.stringify(notice, (_, part) => (part instanceof Error ? String(part.stack) : part)));

process.on('message', async ({ id, ask, ...input }) => {
  try {
    process.send({ id, answer: (await asked[ask](input)) ?? null });
  } catch (error) {
    process.send({ id, error: `${error?.code ?? ''} ${error?.stack ?? error}` });
  }
});
process.on('disconnect', () => process.exit(1));
