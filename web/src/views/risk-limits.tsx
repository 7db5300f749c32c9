import { firstRows, get, type Rows } from '../api.js';
import { useLoad } from '../load.js';
import type { Limits } from '../record.js';
import { span } from '../time.js';
import { Answer, Empty, Panel } from '../ui/panel.js';
import { Facts, Num, When, words } from '../ui/values.js';

const LIMITED = ['limits'];

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

export function InForce() {
  const limits = useLoad('limits', (caller) => get<Rows<Limits>>(caller, '/v1/limits'), {
    on: LIMITED,
    every_ms: 60_000,
  });
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

export function History() {
  const history = useLoad(
    'limits-history',
    (caller) => firstRows<Limits>(caller, '/v1/limits-history', {}, 100),
    { on: LIMITED, every_ms: 60_000 },
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
