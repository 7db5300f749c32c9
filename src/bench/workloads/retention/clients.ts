import { setTimeout as sleep } from 'node:timers/promises';
import type { BareClient } from '../../../database/index.js';
import { SYMBOLS } from '../../data.js';
import type { WorkloadOptions } from '../../workload.js';

const CLIENTS = 4;
/** Commits a second of all of them: a busy desk, and far from what the machine can do. */
export const RATE = 200;

let written = 0;

/** One commit: a signal, or for every fifth an order of the one before it, by plain SQL, which the limits judge. */
async function write(client: BareClient): Promise<void> {
  const n = written++;
  const symbol = SYMBOLS[Math.floor(n / 5) % SYMBOLS.length];
  if (n % 5 > 0) await client.query(SIGNAL, [`live_${n}`, symbol]);
  else await client.query(ORDER, [`live_${n}`, symbol]);
}

const SIGNAL = `insert into signals (signal_id, symbol, side, price, confidence, timestamp)
  values ($1, $2, 'BUY', 100, 0.5, 1800000000000)`;
const ORDER = `insert into orders (order_id, symbol, side, quantity, price, status) values ($1, $2, 'BUY', 1, 100, 'PENDING')`;

export interface Writing {
  /** Milliseconds that each commit took from when its time had come: who waits behind another is late as well. */
  latencies: number[];
}

/** Clients write at a fixed rate for as long as the work takes, and for `least_ms`. */
export async function writeBeside(
  { place, signal }: WorkloadOptions,
  url: string,
  least_ms: number,
  work: () => Promise<void>,
): Promise<Writing> {
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      const client = await place.bare(url);
      await client.query('set search_path to main');
      return client;
    }),
  );
  const latencies: number[] = [];
  const begun = performance.now();
  let isDone = false;
  const gap = (CLIENTS * 1000) / RATE;
  const one = async (client: BareClient, at: number) => {
    for (let n = 0; !isDone; n++) {
      let due = begun + (n + at / CLIENTS) * gap;
      const early = due - performance.now();
      if (early > 0) {
        await sleep(early);
        // A timer that fires late is not the server's fault.
        due = performance.now();
      }
      await write(client);
      latencies.push(performance.now() - due);
    }
  };
  const writing = Promise.all(clients.map(one));
  try {
    const rest = sleep(least_ms, undefined, { signal });
    await Promise.race([Promise.all([work(), rest]), writing]);
  } finally {
    isDone = true;
    await writing.finally(() => Promise.all(clients.map((client) => client.end())));
  }
  return { latencies };
}
