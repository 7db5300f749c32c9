import { useMemo, useState } from 'preact/hooks';
import { get, type Value } from '../api.js';
import { count } from '../exact.js';
import { useLoad } from '../load.js';
import type { OperationUse, Queries, Step } from '../record.js';
import { clock, DAY, span } from '../time.js';
import { Answer, Empty, Panel } from '../ui/panel.js';
import { type Column, Table } from '../ui/table.js';
import { None } from '../ui/values.js';

const SPANS = [DAY / 24, DAY / 4, DAY] as const;
const EVERY_MS = 60_000;

const useQueries = (wide: number, operation?: string) =>
  useLoad(
    `queries ${wide} ${operation}`,
    (caller) => get<Value<Queries>>(caller, '/v1/queries', { since: Date.now() - wide, operation }),
    { every_ms: EVERY_MS },
  );

export function Latency() {
  const [wide, setWide] = useState<number>(SPANS[0]);
  const [chosen, choose] = useState<string>();
  const queries = useQueries(wide);
  const operation = chosen ?? queries.data?.value.operations[0]?.operation;
  const series = useQueries(wide, operation);
  return (
    <Panel
      title="Latency of operations"
      unit="ms, as their callers saw it"
      tall="high"
      at_ms={queries.at_ms}
      actions={<Spans wide={wide} onChange={setWide} />}
    >
      <Answer of={queries}>
        {({ value: { sampled, operations } }) =>
          operations.length === 0 ? (
            <Empty command="claire queries">
              {sampled.missing ??
                'No service reported a call in this span; the library reports its calls once a minute.'}
            </Empty>
          ) : (
            <>
              <label class="filters">
                p95 over time of{' '}
                <select value={operation} onChange={({ currentTarget }) => choose(currentTarget.value)}>
                  {operations.map((one) => (
                    <option key={one.operation}>{one.operation}</option>
                  ))}
                </select>
              </label>
              <Answer of={series}>
                {({ value }) => <Line operation={operation ?? ''} steps={value.steps} />}
              </Answer>
              <Table
                label="Operations"
                columns={COLUMNS}
                rows={operations}
                keyOf={(one) => one.operation}
                most={10}
              />
            </>
          )
        }
      </Answer>
    </Panel>
  );
}

const Spans = ({ wide, onChange }: { wide: number; onChange: (ms: number) => void }) => (
  <select
    class="small"
    aria-label="Span"
    value={wide}
    onChange={({ currentTarget }) => onChange(Number(currentTarget.value))}
  >
    {SPANS.map((ms) => (
      <option key={ms} value={ms}>
        last {span(ms)}
      </option>
    ))}
  </select>
);

const COLUMNS: Column<OperationUse>[] = [
  { title: 'Operation', width: 'minmax(110px, 2fr)', cell: ({ operation }) => <b>{operation}</b> },
  { title: 'Calls', width: '70px', isNumber: true, cell: ({ calls }) => count(calls) },
  {
    ...{ title: 'Calls a second', width: '100px', isNumber: true, onWide: true },
    cell: ({ calls_per_second }) => calls_per_second.toPrecision(2),
  },
  { title: 'p50', width: '64px', isNumber: true, cell: ({ p50_ms }) => <Milliseconds of={p50_ms} /> },
  { title: 'p95', width: '64px', isNumber: true, cell: ({ p95_ms }) => <Milliseconds of={p95_ms} /> },
  {
    ...{ title: 'p99', width: '64px', isNumber: true, onWide: true },
    cell: ({ p99_ms }) => <Milliseconds of={p99_ms} />,
  },
];

/** Measured, not money: three digits are what it is worth. */
const Milliseconds = ({ of }: { of: number | null }) =>
  of === null ? <None /> : <span>{of < 1000 ? of.toPrecision(3) : Math.round(of)}</span>;

const [WIDTH, HEIGHT] = [1000, 90];

function Line({ operation, steps }: { operation: string; steps: readonly Step[] }) {
  const path = useMemo(() => pathOf(steps), [steps]);
  const known = steps.flatMap(({ p95_ms }) => (p95_ms === null ? [] : [p95_ms]));
  const [first, last] = [steps[0], steps.at(-1)];
  if (!first || !last || known.length === 0) return <p class="note">No call of it in this span.</p>;
  const most = Math.max(...known).toPrecision(3);
  const [from, until] = [clock(first.from_ms), clock(last.from_ms)];
  return (
    <figure class="columns">
      <svg
        class="line"
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`p95 of ${operation} from ${from} to ${until} UTC, at most ${most} ms`}
      >
        <path d={path} />
      </svg>
      <div class="ends">
        <span>{from} UTC</span>
        <span>at most {most} ms</span>
        <span>{until} UTC</span>
      </div>
    </figure>
  );
}

/** A line where there were calls, and a gap where there were none. */
function pathOf(steps: readonly Step[]): string {
  const most = Math.max(...steps.map(({ p95_ms }) => p95_ms ?? 0), Number.MIN_VALUE);
  let isOn = false;
  return steps
    .map(({ p95_ms }, at) => {
      const wasOn = isOn;
      isOn = p95_ms !== null;
      if (p95_ms === null) return '';
      const x = (((at + 0.5) * WIDTH) / steps.length).toFixed(1);
      const y = (HEIGHT - 3 - (p95_ms / most) * (HEIGHT - 6)).toFixed(1);
      return wasOn ? `L${x} ${y}` : `M${x} ${y}h2`;
    })
    .join('');
}
