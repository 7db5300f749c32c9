import type { ComponentChildren } from 'preact';
import { isDecimal, type Shown, show, signOf } from '../exact.js';
import { linkTo } from '../route.js';
import { useNow } from '../store.js';
import { ago, moment, stamp } from '../time.js';

/** A decimal as it stands in the record; where it is shown shorter, the title has the whole of it. */
export function Num({ of, unit, ...shown }: { of: string | null | undefined; unit?: string } & Shown) {
  if (of === null || of === undefined || !isDecimal(of)) return <None />;
  const text = show(of, shown);
  const whole = show(of);
  return (
    <span class="num" title={text === whole ? undefined : `exactly ${whole}`}>
      {text}
      {unit && <span class="unit"> {unit}</span>}
    </span>
  );
}

/** Profit or loss: by sign and shape first, by colour as well. */
export function Gain({ of, ...shown }: { of: string | null | undefined; unit?: string } & Shown) {
  if (of === null || of === undefined || !isDecimal(of)) return <None />;
  const sign = signOf(of);
  return (
    <span class={`gain ${sign > 0 ? 'up' : sign < 0 ? 'down' : ''}`}>
      {sign !== 0 && (
        <span class="arrow" aria-hidden="true">
          {sign > 0 ? '▲' : '▼'}
        </span>
      )}
      <Num of={of} sign {...shown} />
    </span>
  );
}

export const None = () => (
  <span class="none" title="not known">
    –
  </span>
);

/** How long ago, ticking; the title has the moment. */
export function Age({ at_ms, what }: { at_ms: number | null | undefined; what?: string }) {
  const now = useNow();
  if (at_ms === null || at_ms === undefined) return <None />;
  return (
    <time class="age" dateTime={new Date(at_ms).toISOString()} title={`${stamp(at_ms)} UTC`}>
      {what && `${what} `}
      {ago(at_ms, now)}
    </time>
  );
}

export const When = ({ at_ms }: { at_ms: number | null | undefined }) =>
  at_ms === null || at_ms === undefined ? (
    <None />
  ) : (
    <time class="when" dateTime={new Date(at_ms).toISOString()} title={`${stamp(at_ms)} UTC`}>
      {moment(at_ms)}
    </time>
  );

export const SideOf = ({ side }: { side: string }) => (
  <span class={`side ${side === 'BUY' ? 'buy' : 'sell'}`}>{side === 'BUY' ? '↗ BUY' : '↘ SELL'}</span>
);

export const Status = ({ of }: { of: string }) => <span class={`tag ${of.toLowerCase()}`}>{of}</span>;

/** An id that leads to its chain. */
export const Id = ({ of }: { of: string | null | undefined }) =>
  of ? (
    <a class="id" href={linkTo('why', { id: of })} title={`Why ${of}`}>
      {of}
    </a>
  ) : (
    <None />
  );

/** JSON as names and values, in the order in which it was recorded. */
export function Details({ of }: { of: Record<string, unknown> | null }) {
  if (!of || Object.keys(of).length === 0) return <None />;
  return (
    <span class="details">
      {Object.entries(of).map(([name, value]) => (
        <span key={name}>
          <span class="name">{name}</span> {typeof value === 'object' ? JSON.stringify(value) : String(value)}
        </span>
      ))}
    </span>
  );
}

export function Facts({ of }: { of: readonly (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {of.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export const words = (name: string): string => name.replaceAll('_', ' ');
