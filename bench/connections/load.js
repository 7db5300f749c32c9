/** The load: everybody of the budget at their peak at once, and then the silence after it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { BUDGET, BUDGETED } from '../../dist/database/index.js';
import { openDesk } from './desk.js';
import { openGround, SHARES } from './ground.js';
import { brokenAtRest, brokenByErrors, brokenBySamples, brokenByWaiting } from './laws.js';
import { judgeRecord } from './record.js';
import { byRole, overview, startSampler } from './sampler.js';

const LOGINS = Object.keys(BUDGETED);
/** Twice as many callers as places, and no pause, so that every place is taken. */
const CALLERS_A_PLACE = 2;
/** @type {Record<string, number>} */
const BASES = Object.fromEntries(LOGINS.map((login) => [login, BUDGETED[login].base]));
/** The connections of the peak leave 5 s after it; this is far more. */
const BACK_MS = 20_000;
const REST_MS = 1000;

/** @typedef {Parameters<typeof openGround>[0]} Server */

/**
 * @param {{ seconds: number, seed: number, server: Server }} options
 * @param {import('../../dist/bench/undo.js').Undo} undo
 */
export async function runLoad({ seconds, seed, server }, undo) {
  const ground = await openGround(server, undo);
  const sampler = await startSampler(ground.adminUrl, ground.database);
  undo.add(() => sampler.stop());
  const callers = (login) => SHARES[login] * CALLERS_A_PLACE;
  const desk = await openDesk(ground, { names: LOGINS, callers, seed, pace: 0 });
  const from = sampler.samples.length;
  await sleep(seconds * 1000);
  await desk.each(({ ask }) => ask('pause'));
  const peak = overview(sampler.samples.slice(from));
  const back_ms = await backAtBase(sampler);
  const rested = sampler.samples.length;
  await sleep(REST_MS);
  const rest = overview(sampler.samples.slice(rested));
  const said = await desk.stop();
  await sampler.stop();
  const entries = desk.entries();
  const record = await judgeRecord(ground.url, entries);
  return {
    ...(await ground.facts()),
    ...{ seconds, seed, shares: SHARES, bases: BASES, peak, back_ms, rest, record: record.counts },
    broken: [
      ...said,
      ...brokenByErrors(entries),
      ...brokenByWaiting(entries),
      ...record.broken,
      ...brokenBySamples(overview(sampler.samples), BUDGET, SHARES),
      ...LOGINS.filter((login) => (peak.most_by_role[login] ?? 0) < SHARES[login]).map(
        (login) => `${login} was not at its peak: ${peak.most_by_role[login] ?? 0} of ${SHARES[login]}`,
      ),
      ...(back_ms === null ? [`the connections of the peak are still there after ${BACK_MS} ms`] : []),
      ...brokenAtRest(rest, BASES),
    ],
  };
}

/** How long it takes until nobody has more connections than stay; null where it does not come to that. */
async function backAtBase({ samples }) {
  for (const begun = performance.now(); performance.now() - begun < BACK_MS; await sleep(20)) {
    const roles = Object.entries(byRole(samples.at(-1).seen));
    if (roles.every(([role, connections]) => connections <= (BASES[role] ?? 0)))
      return Math.round(performance.now() - begun);
  }
  return null;
}
