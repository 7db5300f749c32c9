import { useMemo, useState } from 'preact/hooks';
import { get, type Value } from '../api.js';
import { count } from '../exact.js';
import { useLoad } from '../load.js';
import type { OperationUse, Queries } from '../record.js';
import { clock, DAY, span } from '../time.js';
import { Answer, Empty, Panel } from '../ui/panel.js';
import { type Column, Table } from '../ui/table.js';
import { None } from '../ui/values.js';

const SPANS = [DAY / 24, DAY / 4, DAY] as const;
const EVERY_MS = 60_000;

export function Latency() {
  const [wide, setWide] = useState<number>(SPANS[0]);
  const queries = useLoad(
    `queries ${wide}`,
    (caller) => get<Value<Queries>>(caller, '/v1/queries', { since: Date.now() - wide }),
    { every_ms: EVERY_MS },
  );
  return (
    <Panel
      title="Latency of operations"
      unit="ms, as their callers saw it"
      tall="high"
      at_ms={queries.at_ms}
      actions={
        <select
          aria-label="Span"
          value={wide}
          onChange={({ currentTarget }) => setWide(Number(currentTarget.value))}
        >
          {SPANS.map((ms) => (
            <option key={ms} value={ms}>
              last {span(ms)}
            </option>
          ))}
        </select>
      }
    >
      <Answer of={queries}>
        {({ value: { sampled, operations } }) =>
          operations.length === 0 ? (
            <Empty command="claire queries">
              {sampled.missing ??
                'No service reported a call in this span; the library reports its calls once a minute.'}
            </Empty>
          ) : (
            <Operations of={operations} />
          )
        }
      </Answer>
    </Panel>
  );
}

const COLUMNS: Column<OperationUse>[] = [
  { title: 'Operation', width: 'minmax(120px, 2fr)', cell: ({ operation }) => <b>{operation}</b> },
  { title: 'Calls', width: '70px', isNumber: true, cell: ({ calls }) => count(calls) },
  {
    title: 'p50',
    width: '64px',
    isNumber: true,
    onWide: true,
    cell: ({ p50_ms }) => <Milliseconds of={p50_ms} />,
  },
  { title: 'p95', width: '64px', isNumber: true, cell: ({ p95_ms }) => <Milliseconds of={p95_ms} /> },
  {
    title: 'p99',
    width: '64px',
    isNumber: true,
    onWide: true,
    cell: ({ p99_ms }) => <Milliseconds of={p99_ms} />,
  },
  { title: 'p95 over time', width: 'minmax(120px, 3fr)', onWide: true, cell: (use) => <Line of={use} /> },
];

/** Measured, not money: three digits are what it is worth. */
const Milliseconds = ({ of }: { of: number | null }) =>
  of === null ? <None /> : <span>{of.toPrecision(3)}</span>;

const Operations = ({ of }: { of: readonly OperationUse[] }) => (
  <Table label="Operations" columns={COLUMNS} rows={of} keyOf={({ operation }) => operation} most={12} />
);

const [WIDTH, HEIGHT] = [200, 22];

function Line({ of: { operation, steps = [] } }: { of: OperationUse }) {
  const path = useMemo(() => pathOf(steps), [steps]);
  const known = steps.flatMap(({ p95_ms }) => (p95_ms === null ? [] : [p95_ms]));
  if (known.length === 0) return <None />;
  const [first, last] = [steps[0]!, steps.at(-1)!];
  const most = Math.max(...known).toPrecision(3);
  return (
    <svg
      class="line"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`p95 of ${operation} from ${clock(first.from_ms)} to ${clock(last.from_ms)}, at most ${most} ms`}
    >
      <path d={path} />
    </svg>
  );
}

/** A line where there were calls, and a gap where there were none. */
function pathOf(steps: NonNullable<OperationUse['steps']>): string {
  const most = Math.max(...steps.map(({ p95_ms }) => p95_ms ?? 0), Number.MIN_VALUE);
  let isOn = false;
  return steps
    .map(({ p95_ms }, at) => {
      if (p95_ms === null) {
        isOn = false;
        return '';
      }
      const x = ((at + 0.5) * WIDTH) / steps.length;
      const y = HEIGHT - 2 - (p95_ms / most) * (HEIGHT - 4);
      const mark = isOn ? `L${x.toFixed(1)} ${y.toFixed(1)}` : `M${x.toFixed(1)} ${y.toFixed(1)}h0.1`;
      isOn = true;
      return mark;
    })
    .join('');
}
