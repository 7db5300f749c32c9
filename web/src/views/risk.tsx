import { firstRows, get, type Rows } from '../api.js';
import { count, isDecimal, many } from '../exact.js';
import { useLoad } from '../load.js';
import type { Halt, Limits, RiskEvent } from '../record.js';
import { refine, route } from '../route.js';
import { useStore } from '../store.js';
import { day, span } from '../time.js';
import { Columns, type Stack } from '../ui/columns.js';
import { Answer, Empty, Panel } from '../ui/panel.js';
import { type Column, Table } from '../ui/table.js';
import { Details, Facts, Id, None, Num, When, words } from '../ui/values.js';

const KINDS = [
  'signal_rejected',
  'exposure_limit_exceeded',
  'position_limit_exceeded',
  'daily_drawdown_exceeded',
  'circuit_breaker_triggered',
];
/** Of a record with more the newest are drawn, and the panel says so. */
const MOST_EVENTS = 5000;

export function Risk() {
  return (
    <>
      <EventsOverTime />
      <div class="split">
        <Search />
        <div class="stack">
          <InForce />
          <Halts />
        </div>
      </div>
      <History />
    </>
  );
}

function EventsOverTime() {
  const events = useLoad(
    'events over time',
    (caller) => firstRows<RiskEvent>(caller, '/v1/risk-events', {}, MOST_EVENTS),
    { on: ['risk_event'], every_ms: 120_000 },
  );
  const more = events.data?.more ? `the newest ${count(MOST_EVENTS)}` : undefined;
  return (
    <Panel title="Risk events over time" unit={more ?? 'events by type'} tall="middle" at_ms={events.at_ms}>
      <Answer of={events}>
        {({ rows }) =>
          rows.length === 0 ? (
            <Empty command="claire limits set max_exposure=5000 --reason 'first week'">
              Nothing was refused and no limit was broken. Without limits nothing is.
            </Empty>
          ) : (
            <Columns
              label="Risk events over time, by type"
              kinds={KINDS.map(words)}
              stacks={stacksOf(rows)}
            />
          )
        }
      </Answer>
    </Panel>
  );
}

const STACKS = 60;

function stacksOf(rows: readonly RiskEvent[]): Stack[] {
  const times = rows.map(({ timestamp }) => timestamp);
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const step = Math.max(1, Math.ceil((last - first + 1) / STACKS));
  const stacks = Array.from({ length: Math.ceil((last - first + 1) / step) }, (_, at) => ({
    title: day(first + at * step),
    counts: KINDS.map(() => 0),
  }));
  for (const { timestamp, event_type } of rows) {
    stacks[Math.floor((timestamp - first) / step)]!.counts[KINDS.indexOf(event_type)]!++;
  }
  return stacks;
}

/** `4000` is a number, `true` a truth, anything else text: as the details hold them. */
function containing(field: string, value: string): string {
  const written = isDecimal(value) || /^(true|false|null)$/.test(value) ? value : JSON.stringify(value);
  return `{${JSON.stringify(field)}: ${written}}`;
}

const COLUMNS: Column<RiskEvent>[] = [
  { title: 'Time, UTC', width: '100px', cell: ({ timestamp }) => <When at_ms={timestamp} /> },
  {
    title: 'Type',
    width: 'minmax(150px, 1fr)',
    cell: ({ event_type }) => <span class="tag warned">{words(event_type)}</span>,
  },
  { title: 'Symbol', width: '80px', onWide: true, cell: ({ symbol }) => symbol ?? <None /> },
  { title: 'Reason', width: 'minmax(150px, 1fr)', onWide: true, cell: ({ reason }) => reason },
  { title: 'Signal', width: 'minmax(80px, 1fr)', cell: ({ signal_id }) => <Id of={signal_id} /> },
  {
    title: 'Details',
    width: 'minmax(200px, 2fr)',
    onWide: true,
    cell: ({ details }) => <Details of={details} />,
  },
];

function Search() {
  const { type, field, value } = useStore(route).query;
  const contains = field && value ? containing(field, value) : undefined;
  const events = useLoad(
    `events ${type} ${contains}`,
    (caller) => firstRows<RiskEvent>(caller, '/v1/risk-events', { event_type: type, contains }, 1000),
    { on: ['risk_event'] },
  );
  return (
    <Panel title="Search in risk events" unit="newest first" tall="high" at_ms={events.at_ms}>
      <form
        class="ask"
        role="search"
        onSubmit={(event) => {
          event.preventDefault();
          const form = new FormData(event.currentTarget);
          refine({ field: String(form.get('field')).trim(), value: String(form.get('value')).trim() });
        }}
      >
        <select
          aria-label="Type"
          value={type ?? ''}
          onChange={({ currentTarget }) => refine({ type: currentTarget.value })}
        >
          <option value="">every type</option>
          {KINDS.map((kind) => (
            <option key={kind} value={kind}>
              {words(kind)}
            </option>
          ))}
        </select>
        <input
          name="field"
          aria-label="Field of the details"
          placeholder="max_position"
          defaultValue={field ?? ''}
        />
        <span aria-hidden="true">=</span>
        <input name="value" aria-label="Value of the field" placeholder="4000" defaultValue={value ?? ''} />
        <button type="submit" class="main">
          Search
        </button>
      </form>
      <Answer of={events}>
        {({ rows, more }) =>
          rows.length === 0 ? (
            <Empty command={`claire risk-events --contains '${contains ?? '{"max_position": 4000}'}'`}>
              No event is like this. Details hold numbers as numbers: `4000` finds 4000, `"4000"` in quotes
              finds text.
            </Empty>
          ) : (
            <>
              <p class="sums">
                <b>{many(rows.length, 'event')}</b>
                {more && ', the newest; there are more'}
              </p>
              <Table label="Risk events" columns={COLUMNS} rows={rows} keyOf={({ id }) => id} most={12} />
            </>
          )
        }
      </Answer>
    </Panel>
  );
}

const AMOUNTS = ['max_exposure', 'max_position', 'max_order_size', 'max_drawdown'] as const;

/** The limits that are set, each with its unit. */
function factsOf(limits: Limits): [string, preact.ComponentChild][] {
  const given: [string, preact.ComponentChild | null][] = [
    ...AMOUNTS.map((name): [string, preact.ComponentChild | null] => [
      words(name),
      limits[name] && <Num of={limits[name]} />,
    ]),
    ['max drawdown', limits.max_drawdown_pct && <Num of={limits.max_drawdown_pct} unit="% of the capital" />],
    ['max open trades', limits.max_open_trades],
    ['max orders per minute', limits.max_orders_per_minute],
    ['min confidence', limits.min_confidence && <Num of={limits.min_confidence} />],
    ['max signal age', limits.max_signal_age_ms === null ? null : span(limits.max_signal_age_ms)],
    ['time zone', limits.time_zone],
    ['breaker halts', limits.breaker_halts && words(limits.breaker_halts)],
    ['plain SQL while halted', limits.enforce_halts],
    ['plain SQL over a limit', limits.enforce_limits],
  ];
  return given.filter((one): one is [string, preact.ComponentChild] => one[1] !== null && one[1] !== '');
}

function InForce() {
  const limits = useLoad('limits', (caller) => get<Rows<Limits>>(caller, '/v1/limits'), { every_ms: 60_000 });
  return (
    <Panel title="Limits in force" tall="middle" at_ms={limits.at_ms}>
      <Answer of={limits}>
        {({ rows }) =>
          rows.length === 0 ? (
            <Empty command='claire limits set max_exposure=5000 max_drawdown=-500 --reason "first week"'>
              Nothing is limited.
            </Empty>
          ) : (
            rows.map((row) => (
              <div key={row.symbol ?? ''}>
                <h3>
                  {row.symbol ?? 'Whole book'} <span class="unit">version {row.version}</span>
                </h3>
                <Facts of={factsOf(row)} />
              </div>
            ))
          )
        }
      </Answer>
    </Panel>
  );
}

function Halts() {
  const halts = useLoad('halts', (caller) => firstRows<Halt>(caller, '/v1/halts', {}, 50), { on: ['halt'] });
  return (
    <Panel title="Halts and resumptions" unit="newest first, UTC" tall="middle" at_ms={halts.at_ms}>
      <Answer of={halts}>
        {({ rows }) =>
          rows.length === 0 ? (
            <Empty>Trading was never halted in this book.</Empty>
          ) : (
            <ul class="log">
              {rows.map(({ id, action, cause, reason, actor, timestamp }) => (
                <li key={id}>
                  <span class={`tag ${action}`}>{action === 'halt' ? '■ halted' : '● resumed'}</span>{' '}
                  <When at_ms={timestamp} /> {reason}{' '}
                  <span class="actor">{cause === 'hand' ? actor : 'the breaker'}</span>
                </li>
              ))}
            </ul>
          )
        }
      </Answer>
    </Panel>
  );
}

function History() {
  const history = useLoad('limits-history', (caller) =>
    firstRows<Limits>(caller, '/v1/limits-history', {}, 100),
  );
  return (
    <Panel title="History of the limits" unit="newest first, UTC" tall="middle" at_ms={history.at_ms}>
      <Answer of={history}>
        {({ rows }) =>
          rows.length === 0 ? (
            <Empty command='claire limits set max_exposure=5000 --reason "why"'>No limit was ever set.</Empty>
          ) : (
            <ol class="log">
              {rows.map((row, at) => (
                <li key={row.version}>
                  <b>version {row.version}</b> {row.symbol ?? 'whole book'}:{' '}
                  {changesOf(row, before(rows, at))} – {row.reason} <span class="actor">{row.actor}</span>{' '}
                  <When at_ms={row.created_at} />
                </li>
              ))}
            </ol>
          )
        }
      </Answer>
    </Panel>
  );
}

const before = (rows: readonly Limits[], at: number): Limits | undefined =>
  rows.slice(at + 1).find(({ symbol }) => symbol === rows[at]!.symbol);

const UNCHANGING = new Set(['version', 'symbol', 'reason', 'actor', 'created_at']);

/** What a version changed against the one before it of the same scope. */
function changesOf(row: Limits, earlier: Limits | undefined): string {
  const changed = (Object.keys(row) as (keyof Limits)[])
    .filter((name) => !UNCHANGING.has(name) && row[name] !== (earlier?.[name] ?? null))
    .map((name) => `${words(name)} ${row[name] ?? 'taken away'}`);
  return changed.length === 0 ? 'nothing' : changed.join(', ');
}
