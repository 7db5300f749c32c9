import { firstRows } from '../api.js';
import { containing } from '../containing.js';
import { count, many } from '../exact.js';
import { useLoad } from '../load.js';
import type { Halt, RiskEvent } from '../record.js';
import { refine, route } from '../route.js';
import { useStore } from '../store.js';
import { day } from '../time.js';
import { Columns, type Stack } from '../ui/columns.js';
import { Answer, Empty, Panel } from '../ui/panel.js';
import { type Column, Table } from '../ui/table.js';
import { Details, Id, None, When, words } from '../ui/values.js';
import { History, InForce } from './risk-limits.js';

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

/** As one word of a shell, whatever the address of the page says. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

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
            <Empty command={`claire risk-events --contains ${quoted(contains ?? '{"max_position": 4000}')}`}>
              No event is like this. `4000`, `true` and `null` find what they are, `"4000"` in quotes finds
              text; so does everything else, with or without quotes.
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
