import { setTimeout as sleep } from 'node:timers/promises';
import { type Claire, claireOn } from '../../claire.js';
import type { Database } from '../../database/index.js';
import { migrate } from '../../schema/index.js';
import { MISSING, sample } from '../../upkeep/index.js';
import { spread, timed } from '../measure.js';
import { callers, figuresOf, inTurns, type Turn, type Writer } from '../turns.js';
import type { Bar, Figure, Workload, WorkloadOptions, WorkloadResult } from '../workload.js';
import { signalOf } from './write/signals.js';

const DATABASE = 'sampling';
const CALLERS = 10;
const CONNECTIONS = 4;
/** As many as a busy database has: they are all looked at, those that were called too. */
const STATEMENTS = 1000;
/** Far more often than the minute of `claire up`, so that a cost is seen at all. */
const EVERY_MS = 1000;
const MINUTE_MS = 60_000;
const ROUNDS = 21;
const TURN_MS = 2000;
const MOST = 0.01;

const WHAT = `recordSignal, decide and exposure in turn, ${CALLERS} callers`;
const BY = { without: 'without the sampler', with: `with a sample every ${EVERY_MS / 1000} s` } as const;

export const sampling: Workload = {
  name: 'sampling',
  summary: 'What sampling statements for `claire queries` costs the services, beside the same without it.',
  run,
};

async function run(options: WorkloadOptions): Promise<WorkloadResult> {
  const { place, runs, signal, onProgress } = options;
  onProgress('sampling: making a book');
  const url = await place.create(DATABASE);
  const [pool, sampler] = [place.pool(url, CONNECTIONS), place.pool(url, 1)];
  await migrate(pool, 'main');
  const missing = await sample(sampler, 0);
  for (let n = 0; n < STATEMENTS; n++) await pool.query(`select ${'1, '.repeat(n)}1`);
  const samples: number[] = [];
  const rounds = Math.min(ROUNDS, Math.max(2, runs));
  let done = 0;
  const measured = await inTurns(writersOf(claireOn(pool, 'main'), sampler, samples), {
    ...{ rounds, milliseconds: Math.min(TURN_MS, 500 * runs), signal },
    before: () => sample(sampler, 0),
    onTurn: (by) => onProgress(`sampling: ${by}`, done++, 2 * (rounds + 1)),
  });
  await pool.close();
  await sampler.close();
  await place.drop(DATABASE);
  const figures = [...figuresOf(WHAT, measured, 'calls/s'), sampleFigure(samples)];
  return {
    workload: 'sampling',
    figures,
    bars: [barOf(figures, rounds >= ROUNDS)],
    notes: [
      `Beside ${STATEMENTS.toLocaleString('en-US')} other statements that the server knows. \`claire up\` samples once a minute: a sixtieth of what is lost here.`,
      ...(missing ? [MISSING[missing]] : []),
    ],
  };
}

function writersOf(claire: Claire, sampler: Database, samples: number[]): Writer[] {
  const turn = (ids: string, milliseconds: number) => callers(CALLERS, milliseconds, oneOfThree(claire, ids));
  return [
    { by: BY.without, turn },
    {
      by: BY.with,
      beside: [BY.without],
      turn: (ids, milliseconds) => whileSampling(sampler, samples, () => turn(ids, milliseconds)),
    },
  ];
}

/** Each caller records a signal, decides it, reads, and so on; two callers never meet on one signal. */
function oneOfThree(claire: Claire, ids: string) {
  const turns = new Map<number, number>();
  return (caller: number) => {
    const turn = turns.get(caller) ?? 0;
    turns.set(caller, turn + 1);
    const made = signalOf(`${ids}${caller}_`, Math.floor(turn / 3));
    if (turn % 3 === 0) return claire.recordSignal(made);
    if (turn % 3 === 1) return claire.decide({ signal_id: made.signal_id, quantity: '1' });
    return claire.exposure();
  };
}

async function whileSampling(sampler: Database, samples: number[], work: () => Promise<Turn>): Promise<Turn> {
  const end = new AbortController();
  const sampled = (async () => {
    // From the middle of the first second on, so that a turn has as many samples as seconds.
    for (let pause = EVERY_MS / 2; ; pause = EVERY_MS) {
      await sleep(pause, undefined, { signal: end.signal }).catch(() => {});
      if (end.signal.aborted) return;
      samples.push(await timed(() => sample(sampler, 0)));
    }
  })();
  try {
    return await work();
  } finally {
    end.abort();
    await sampled;
  }
}

const sampleFigure = (samples: readonly number[]): Figure => ({
  ...{ what: 'one sample, beside the callers', by: 'claire', unit: 'ms', ratios: [], facts: {} },
  ...spread(samples),
});

/** What is lost by sampling each minute. Noise may make it less than nothing. */
export function barOf(figures: readonly Figure[], says: boolean): Bar {
  const ratio = figures.find(({ by }) => by === BY.with)!.ratios[0]!.ratio;
  const lost = ((1 - ratio) * EVERY_MS) / MINUTE_MS;
  return {
    what: `${WHAT}: lost by a sample a minute`,
    bar: `≤ ${100 * MOST} % of the throughput`,
    measured: `${(100 * lost).toFixed(2)} %`,
    ...(says ? { kept: lost <= MOST } : {}),
  };
}
