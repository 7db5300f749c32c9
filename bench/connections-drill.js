/**
 * Do the services survive what happens to connections? Three processes with sixty callers work on one server while
 * backends are killed, connections cut, the network severed and frozen, the server restarted and killed, a pool filled and
 * a borrower never returns. Then what each caller was told is held against the record, and every sample of the
 * connections against the budget.
 * Run: npm run build && node bench/connections-drill.js [--seconds 120] [--seed 1] [--fsync on|off] [--fault NAME] [--json]
 */
import { parseArgs } from 'node:util';
import { runDrill } from './connections/drill.js';
import { FAULTS } from './connections/faults.js';
import { interruptible } from './connections/interrupt.js';
import { printDrill } from './connections/print.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string' },
    seed: { type: 'string', default: '1' },
    fsync: { type: 'string', default: 'on' },
    fault: { type: 'string', multiple: true },
    data: { type: 'string' },
    binaries: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const unknown = values.fault?.find((name) => !FAULTS[name]);
if (unknown) throw new Error(`${unknown} is none of: ${Object.keys(FAULTS).join(', ')}`);

process.exitCode = await interruptible(async (undo) => {
  const end = performance.now() + Number(values.seconds) * 1000;
  const result = await runDrill(
    {
      seed: Number(values.seed),
      server: {
        fsync: values.fsync === 'on',
        ...(values.data && { dataDir: values.data }),
        ...(values.binaries && { binaries: values.binaries }),
      },
      ...(values.fault && { faults: values.fault }),
      // Without a time every fault once.
      ...(values.seconds && { until: () => performance.now() > end }),
      say: (fault) => values.json || process.stderr.write(`${fault}\n`),
    },
    undo,
  );
  process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : printDrill(result));
  return result.broken.length === 0 ? 0 : 1;
});
