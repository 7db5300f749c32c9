/**
 * How many connections does the whole system take at its peak, and do they leave after it? The three services, readers and
 * the upkeep, each as a process with its own login, twice as many callers as places and no pause between calls; every 50 ms
 * the server is asked who is connected. Then silence, until only the connections are there that stay.
 * Run: npm run build && node bench/connections-load.js [--seconds 60] [--seed 1] [--fsync on|off] [--json]
 */
import { parseArgs } from 'node:util';
import { interruptible } from './connections/interrupt.js';
import { runLoad } from './connections/load.js';
import { printLoad } from './connections/print.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    fsync: { type: 'string', default: 'on' },
    data: { type: 'string' },
    binaries: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

process.exitCode = await interruptible(async (undo) => {
  const result = await runLoad(
    {
      ...{ seconds: Number(values.seconds), seed: Number(values.seed) },
      server: {
        fsync: values.fsync === 'on',
        ...(values.data && { dataDir: values.data }),
        ...(values.binaries && { binaries: values.binaries }),
      },
    },
    undo,
  );
  process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : printLoad(result));
  return result.broken.length === 0 ? 0 : 1;
});
