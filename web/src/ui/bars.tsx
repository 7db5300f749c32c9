import type { ComponentChildren } from 'preact';
import { absolute, compare, percent, pixels } from '../exact.js';
import { Num } from './values.js';

/** How much of a limit is used: the share as a number and as a length, `over` in words as well. */
export function Bar({
  label,
  used,
  limit,
  unit,
  note,
}: {
  label: ComponentChildren;
  used: string;
  limit: string | null;
  unit?: string;
  note?: ComponentChildren;
}) {
  const share = limit === null ? undefined : percent(used, absolute(limit));
  const isOver = limit !== null && compare(used, absolute(limit)) > 0;
  const width = share === undefined ? 0 : Math.min(100, Math.max(0, pixels(share)));
  const level = isOver ? 'over' : width >= 80 ? 'near' : '';
  return (
    <div class="bar">
      <div class="line">
        <span class="name">{label}</span>
        <span class="number">
          <Num of={used} decimals={2} />
          {limit !== null && (
            <>
              {' of '}
              <Num of={absolute(limit)} decimals={2} />
            </>
          )}
          {unit && <span class="unit"> {unit}</span>}
        </span>
        <span class="share">{limit === null ? 'no limit' : isOver ? `over: ${share} %` : `${share} %`}</span>
      </div>
      {limit !== null && (
        <div class="track" aria-hidden="true">
          <div class={level} style={{ width: `${width}%` }} />
        </div>
      )}
      {note && <div class="note">{note}</div>}
    </div>
  );
}
