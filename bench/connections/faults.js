/**
 * What is done to the services while they work. Each fault gives what it noticed itself; that everybody works again
 * afterwards is asked by the drill.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { killBackends } from './ground.js';

/** How long the drill waits for something that must come. */
const PATIENCE_MS = 15_000;
/** As it ends in a message of the protocol; "read committed" begins a transaction. */
const COMMIT = 'commit\0';

/**
 * @typedef {object} Drill
 * @property {Awaited<ReturnType<typeof import('./ground.js').openGround>>} ground
 * @property {Awaited<ReturnType<typeof import('./desk.js').openDesk>>} desk
 * @property {Awaited<ReturnType<typeof import('./proxy.js').openProxy>>} proxy
 * @property {Awaited<ReturnType<typeof import('./sampler.js').startSampler>>} sampler
 * @property {(below: number) => number} random
 * @property {{ checkoutTimeout: number, idleInTransactionTimeout: number }} times
 * @property {Record<string, number>} shares
 *
 * @typedef {{ facts: Record<string, unknown>, broken: string[] }} Noticed
 */

/** @type {Record<string, (drill: Drill) => Promise<Noticed>>} */
export const FAULTS = {
  async 'backends killed'({ ground, random }) {
    let killed = 0;
    for (let turn = 0; turn < 3; turn++) {
      killed += await killBackends(ground.adminUrl, ground.database);
      await sleep(100 + random(300));
    }
    return { facts: { killed }, broken: killed === 0 ? ['no backend was there to be killed'] : [] };
  },

  async 'connections cut'({ proxy, random }) {
    const cut = proxy.open();
    proxy.cut();
    await sleep(100 + random(200));
    return { facts: { cut }, broken: cut === 0 ? ['no connection was there to be cut'] : [] };
  },

  /** Of some COMMITs the answer is lost, of others the COMMIT itself; only the server knows which. */
  async 'commits lost'({ proxy, random }) {
    let lost = 0;
    for (let turn = 0; turn < 16; turn++) {
      if (turn % 4 === 3) proxy.loseQuestion(COMMIT);
      else proxy.loseAnswer(COMMIT);
      await sleep(20 + random(20));
      if (proxy.hasLost()) lost++;
    }
    // Else who waits for an answer would wait until its time limit.
    proxy.cut();
    return { facts: { lost }, broken: lost === 0 ? ['no commit was there to be lost'] : [] };
  },

  async 'full pool'(drill) {
    const { desk, times, shares } = drill;
    const name = ['signal_engine', 'risk_manager'][drill.random(2)];
    const begun = Date.now();
    const count = shares[name];
    const held = await desk.service(name).ask('hold', { count, milliseconds: times.checkoutTimeout + 500 });
    const told = desk
      .entries()
      .filter(({ service, at, code }) => service === name && at >= begun && code === 'connections_exhausted');
    const naming = told.filter((entry) => JSON.stringify(entry).includes('holdsForLong'));
    return {
      facts: { service: name, held, told: told.length, example: naming[0]?.message ?? told[0]?.message },
      broken: [
        ...(held < count ? [`${held} of ${count} borrowers had a connection`] : []),
        ...(told.length === 0 ? ['nobody was told that the pool is full'] : []),
        ...(told.length > 0 && naming.length === 0 ? ['nobody was told who holds the connections'] : []),
        ...(await placesBroken(drill, name)),
      ],
    };
  },

  async 'borrower that never returns'(drill) {
    const { desk, sampler, times } = drill;
    const name = 'execution_service';
    const begun = Date.now();
    await desk.service(name).ask('leak');
    const told = (code) =>
      desk
        .entries()
        .filter(({ at, notice }) => at >= begun && notice?.code === code && namesBorrower(notice));
    await until(() => told('connection_held').length > 0);
    // Its server side ends when the limit is over; until then its place is not to be had.
    const longest = times.idleInTransactionTimeout + 1000;
    const isGone = await until(() => {
      const { at, seen, isAway } = sampler.samples.at(-1);
      const isOld = ({ role, state, oldest_ms }) =>
        role === name && state.startsWith('idle in transaction') && oldest_ms > 500;
      return at > begun + 1000 && !isAway && !seen.some(isOld);
    }, longest + PATIENCE_MS);
    const places = await placesBroken(drill, name);
    const [held, returned] = [told('connection_held'), told('connection_returned')];
    return {
      facts: { example: held[0]?.notice.message },
      broken: [
        ...(held.length === 1 ? [] : [`the borrower that never returns was reported ${held.length} times`]),
        ...(returned.length === 1 ? [] : [`its return was reported ${returned.length} times`]),
        ...(isGone ? [] : ['the server side of the borrower that never returns was not ended']),
        ...places,
      ],
    };
  },

  /** Data stops and nobody is told, neither then nor when the network is back. */
  async 'network severed'({ proxy, random }) {
    const severed = proxy.open();
    proxy.sever();
    await sleep(800 + random(400));
    proxy.heal();
    return { facts: { severed }, broken: severed === 0 ? ['no connection was there to be severed'] : [] };
  },

  /** The network is slow beyond measure, and delivers everything in the end. */
  async 'network frozen'({ proxy, random }) {
    proxy.freeze();
    await sleep(300 + random(500));
    proxy.thaw();
    return { facts: {}, broken: [] };
  },

  async 'server restarted'({ ground }) {
    await ground.restart();
    return { facts: {}, broken: [] };
  },

  async 'server killed'({ ground }) {
    await ground.crash();
    return { facts: {}, broken: [] };
  },
};

const namesBorrower = (notice) => JSON.stringify(notice).includes('neverReturns');

/** Whether every place of the pool can be had at the same moment. */
async function placesBroken({ desk, shares }, name) {
  const count = shares[name];
  const inside = await desk.service(name).ask('together', { count });
  return inside < count ? [`${inside} of ${count} places of ${name} can be had at once`] : [];
}

async function until(what, milliseconds = PATIENCE_MS) {
  for (const end = performance.now() + milliseconds; performance.now() < end; await sleep(50))
    if (what()) return true;
  return false;
}
