/** The drill: three services work while one fault after another is done to them; then the record is asked. */
import { setTimeout as sleep } from 'node:timers/promises';
import { BUDGET } from '../../dist/database/index.js';
import { randomIntegers } from '../../dist/services/market.js';
import { openDesk } from './desk.js';
import { FAULTS } from './faults.js';
import { openGround, SHARES } from './ground.js';
import { brokenAtRest, brokenByErrors, brokenBySamples } from './laws.js';
import { openProxy } from './proxy.js';
import { judgeRecord } from './record.js';
import { overview, startSampler } from './sampler.js';

const SERVICES = ['signal_engine', 'risk_manager', 'execution_service'];
/** Of each service: sixty in all. */
const CALLERS = 20;
/** Short, so that a fault is over in seconds; every limit is longer than what it must not disturb. */
const TIMES = {
  checkoutTimeout: 2000,
  statementTimeout: 1500,
  idleInTransactionTimeout: 3500,
  leakAfter: 1000,
};
const REST_MS = 1000;

/** @typedef {Parameters<typeof openGround>[0]} Server */

/**
 * @param {{ seed: number, server: Server, faults?: readonly string[], until?: () => boolean,
 *   say?: (line: string) => void }} options  `until`: rounds of all faults, in an order of their own, until it is true
 * @param {import('../../dist/bench/undo.js').Undo} undo
 */
export async function runDrill({ seed, server, faults = Object.keys(FAULTS), until, say = () => {} }, undo) {
  const random = randomIntegers(seed);
  const ground = await openGround(server, undo);
  const proxy = await openProxy(ground.port);
  undo.add(() => proxy.close());
  const sampler = await startSampler(ground.adminUrl, ground.database);
  undo.add(() => sampler.stop());
  const desk = await openDesk(ground, {
    ...{ names: SERVICES, callers: () => CALLERS, port: proxy.port, seed, pace: 30, options: TIMES },
  });
  const drill = { ground, proxy, sampler, desk, random, times: TIMES, shares: SHARES };
  const phases = [await phase(drill, 'nothing', async () => ({ facts: {}, broken: [] }))];
  for (const name of rounds(faults, random, until)) {
    say(name);
    phases.push(await phase(drill, name, FAULTS[name]));
  }
  const rest = await atRest(desk, sampler);
  const said = await desk.stop().catch((error) => [error.message]);
  await sampler.stop();
  const seen = overview(sampler.samples);
  const entries = desk.entries();
  const record = await judgeRecord(ground.url, entries);
  return {
    ...(await ground.facts()),
    ...{ seed, phases, samples: seen, rest, record: record.counts },
    calls: await countsOf(entries),
    broken: [
      ...phases.flatMap(({ fault, broken }) => broken.map((sentence) => `${fault}: ${sentence}`)),
      ...said,
      ...brokenByErrors(entries),
      ...record.broken,
      ...brokenBySamples(seen, BUDGET, drill.shares),
      ...brokenAtRest(rest, drill.shares),
    ],
  };
}

/** The faults once in their order; with `until` again and again, mixed anew each time. */
function* rounds(faults, random, until) {
  if (!until) yield* faults;
  while (until && !until()) {
    const left = [...faults];
    while (left.length > 0 && !until()) yield left.splice(random(left.length), 1)[0];
  }
}

/** One fault, and that everybody works again after it without having been started again. */
async function phase({ desk, ...rest }, fault, run) {
  const [begun, at] = [performance.now(), Date.now()];
  const { facts, broken } = await run({ desk, ...rest }).catch(asBroken);
  const took_ms = Math.round(performance.now() - begun);
  const { took_ms: recovered_ms, late } = await desk.recovered();
  const errors = {};
  for (const entry of desk.entries()) {
    if (entry.what === 'error' && entry.at >= at) errors[entry.code] = (errors[entry.code] ?? 0) + 1;
  }
  return { fault, took_ms, recovered_ms, errors, facts, broken: [...broken, ...late] };
}

/** A service that does not answer any more is a broken law; the drill goes on. */
const asBroken = (error) => ({ facts: {}, broken: [error.message] });

/** Nobody calls; what was under way has ended. */
async function atRest(desk, sampler) {
  await desk.each(({ ask }) => ask('pause'));
  const from = sampler.samples.length;
  await sleep(REST_MS);
  return overview(sampler.samples.slice(from));
}

function countsOf(entries) {
  const counts = { tried: 0, acknowledged: 0, errors: 0 };
  for (const { what, kind, ids = [] } of entries) {
    if (what === 'tried') counts.tried += ids.length;
    if (what === 'acknowledged' && kind !== 'verdict') counts.acknowledged += ids.length;
    if (what === 'error') counts.errors++;
  }
  return counts;
}
