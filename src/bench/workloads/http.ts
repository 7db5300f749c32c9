import { setTimeout as sleep } from 'node:timers/promises';
import { type Claire, claireOn } from '../../claire.js';
import { migrate } from '../../schema/index.js';
import { ratioBar } from '../bars.js';
import { spread } from '../measure.js';
import { barsOf, batches, callers, figuresOf, inTurns, type Promised, type Writer } from '../turns.js';
import type { Bar, Figure, Workload, WorkloadOptions, WorkloadResult } from '../workload.js';
import { ask, Listeners, type Server, startServer } from './http/client.js';
import { signalOf } from './write/signals.js';

const DATABASE = 'http';
const CALLERS = 10;
const CONNECTIONS = 2;
const SYMBOLS = 10;
const BATCH = 1000;
const ROUNDS = 9;
const TURN_MS = 2000;

const STREAMS = 200;
const SLOW = 50;
const EVENTS_PER_SECOND = 100;
/** Ten minutes at the usual number of runs. */
const SECONDS_PER_RUN = 6;
const LONGEST_SECONDS = 600;
/** A heap that is not yet collected is not one that grows. */
const FLAT = 1.25;

const READS = `positions of ${SYMBOLS} symbols, ${CALLERS} callers`;
const WRITES = `batches of ${BATCH} signals, one caller`;
const MEMORY = `memory of the server with ${STREAMS} streams, ${SLOW} of them not reading`;
const BY = {
  positions: 'GET /v1/positions',
  floor: 'select 1 of the same framework',
  post: 'POST /v1/signals',
  library: 'library',
};
const PROMISES: Promised[] = [
  { what: READS, by: BY.positions, to: BY.floor, least: 0.5 },
  { what: WRITES, by: BY.post, to: BY.library, least: 0.8 },
];

export const http: Workload = {
  name: 'http',
  summary:
    'Reads, batches and streams over HTTP, beside a route that asks `select 1` and beside the library.',
  run,
};

async function run(options: WorkloadOptions): Promise<WorkloadResult> {
  const { place, runs, signal, onProgress } = options;
  onProgress('http: making a book');
  const url = await place.create(DATABASE);
  const pool = place.pool(url, CONNECTIONS);
  await migrate(pool, 'main');
  const claire = claireOn(pool, 'main');
  await claire.openTrades(Array.from({ length: SYMBOLS }, (_, n) => tradeOf(n)));
  const server = await startServer(url);
  try {
    const pace = {
      ...{ rounds: Math.min(ROUNDS, Math.max(2, runs)), milliseconds: Math.min(TURN_MS, 500 * runs), signal },
      before: async () => {},
      onTurn: (by: string) => onProgress(`http: ${by}`),
    };
    const figures = [
      ...figuresOf(READS, await inTurns(readersOf(server), pace), 'calls/s'),
      ...figuresOf(WRITES, await inTurns(writersOf(server, claire), pace)),
    ];
    const seconds = Math.min(LONGEST_SECONDS, Math.max(6, runs * SECONDS_PER_RUN));
    const streams = await whileStreaming(server, claire, seconds, options);
    return {
      workload: 'http',
      figures: [...figures, streams.figure],
      bars: [...barsOf(PROMISES, figures), streams.bar],
      notes: [
        `The server is a process of its own with ${CONNECTIONS} connections of each login, the callers are another one; a batch comes with a token.`,
        `Streams: ${EVENTS_PER_SECOND} events a second for ${seconds} s; who does not read is dropped and comes again.`,
      ],
    };
  } finally {
    await server.stop();
    await pool.close();
    await place.drop(DATABASE);
  }
}

const tradeOf = (n: number, trade_id = `open${n}`) => ({
  ...{ trade_id, symbol: `SYM${n}USDT`, side: 'BUY' as const, quantity: '0.5', entry_price: '100' },
  entry_timestamp: 1_700_000_000_000,
});

const readersOf = ({ url }: Server): Writer[] => [
  { by: BY.floor, turn: (_, milliseconds) => callers(CALLERS, milliseconds, () => ask(`${url}/select-1`)) },
  {
    ...{ by: BY.positions, beside: [BY.floor] },
    turn: (_, milliseconds) => callers(CALLERS, milliseconds, () => ask(`${url}/v1/positions`)),
  },
];

function writersOf({ url }: Server, claire: Claire): Writer[] {
  const make = (ids: string) => (from: number) =>
    Array.from({ length: BATCH }, (_, n) => signalOf(ids, from + n));
  return [
    {
      by: BY.library,
      turn: (ids, milliseconds) => batches(milliseconds, make(ids), (items) => claire.recordSignals(items)),
    },
    {
      ...{ by: BY.post, beside: [BY.library] },
      turn: (ids, milliseconds) =>
        batches(milliseconds, make(ids), (items) => ask(`${url}/v1/signals`, JSON.stringify(items))),
    },
  ];
}

/** Memory each second while events come, and how the end compares with the beginning. */
async function whileStreaming(
  server: Server,
  claire: Claire,
  seconds: number,
  { signal, onProgress }: WorkloadOptions,
): Promise<{ figure: Figure; bar: Bar }> {
  const listeners = new Listeners(server.url, STREAMS, SLOW);
  const megabytes: number[] = [];
  try {
    for (let second = 0; second < seconds; second++) {
      signal.throwIfAborted();
      onProgress('http: streams', second, seconds);
      const begun = performance.now();
      await claire.recordRiskEvents(
        Array.from({ length: EVENTS_PER_SECOND }, (_, n) => ({
          ...{ event_id: `stream${second}_${n}`, event_type: 'signal_rejected' as const, reason: 'bench' },
          ...{ symbol: 'SYM0USDT', timestamp: 1_700_000_000_000, details: { current_exposure: n } },
        })),
      );
      const { bytes, streams } = await server.state();
      megabytes.push(bytes / 1e6);
      // They need a moment to be there at first.
      if (second > 1) listeners.comeAgain(streams);
      await sleep(Math.max(0, 1000 - (performance.now() - begun)), undefined, { signal });
    }
  } finally {
    listeners.end();
  }
  const third = Math.floor(seconds / 3);
  const middle = spread(megabytes.slice(third, 2 * third)).median;
  const ratio = spread(megabytes.slice(2 * third)).median / middle;
  return {
    figure: {
      ...{ what: MEMORY, by: 'claire', unit: 'MB', ratios: [], facts: { dropped: listeners.dropped } },
      ...spread(megabytes),
    },
    bar: ratioBar(MEMORY, ratio, { atMost: FLAT }, 'a third of the time before', seconds >= LONGEST_SECONDS),
  };
}
