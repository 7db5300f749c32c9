import type { ComponentChildren } from 'preact';
import { absolute, compare, percent, pixels } from '../exact.js';
import { None, Num } from './values.js';

/**
 * How much of a limit is used: the share as a number and as a length, `over` in words as well. What is not known is left
 * undefined and is no 0; a limit of null is none.
 */
export function Bar({
  label,
  used,
  limit,
  unit,
  note,
}: {
  label: ComponentChildren;
  used: string | undefined;
  limit: string | null | undefined;
  unit?: string;
  note?: ComponentChildren;
}) {
  const most = limit && absolute(limit);
  const share = most && used !== undefined ? percent(used, most) : undefined;
  const isOver = most != null && used !== undefined && compare(used, most) > 0;
  const width = share === undefined ? 0 : Math.min(100, Math.max(0, pixels(share)));
  const told = share === undefined ? <None /> : isOver ? `over: ${share} %` : `${share} %`;
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
              <Num of={most} decimals={2} />
            </>
          )}
          {unit && <span class="unit"> {unit}</span>}
        </span>
        <span class="share">{limit === null ? 'no limit' : told}</span>
      </div>
      {share !== undefined && (
        <div class="track" aria-hidden="true">
          <div class={level} style={{ width: `${width}%` }} />
        </div>
      )}
      {note && <div class="note">{note}</div>}
    </div>
  );
}
