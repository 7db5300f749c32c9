import { count } from '../exact.js';
import { words } from './values.js';

export interface Stack {
  title: string;
  /** How many of each kind, in the order of `kinds`. */
  counts: readonly number[];
}

const HEIGHT = 120;
const GAP = 1;

/** Columns over time, each a stack of kinds; the legend has the sums, and each kind a pattern of its own. */
export function Columns({
  label,
  kinds,
  stacks,
}: {
  label: string;
  kinds: readonly string[];
  stacks: readonly Stack[];
}) {
  const most = Math.max(1, ...stacks.map(({ counts }) => counts.reduce((a, b) => a + b, 0)));
  const width = 1000 / Math.max(1, stacks.length);
  const sums = kinds.map((_, kind) => stacks.reduce((sum, { counts }) => sum + (counts[kind] ?? 0), 0));
  return (
    <figure class="columns">
      <svg viewBox={`0 0 1000 ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
        {stacks.map(({ title, counts }, at) => {
          let top = HEIGHT;
          return (
            <g key={title}>
              <title>{`${title}: ${kinds.map((kind, k) => `${counts[k]} ${words(kind)}`).join(', ')}`}</title>
              {counts.map((n, kind) => {
                const height = (n / most) * (HEIGHT - 4);
                top -= height;
                return (
                  <rect
                    key={kinds[kind]}
                    class={`kind-${kind}`}
                    {...{ x: at * width, y: top, width: Math.max(1, width - GAP), height }}
                  />
                );
              })}
            </g>
          );
        })}
      </svg>
      <div class="ends">
        <span>{stacks[0]?.title}</span>
        <span>most {count(most)}</span>
        <span>{stacks.at(-1)?.title}</span>
      </div>
      <ul class="legend">
        {kinds.map((kind, at) => (
          <li key={kind}>
            <i class={`kind-${at}`} />
            {words(kind)} <b>{count(sums[at]!)}</b>
          </li>
        ))}
      </ul>
    </figure>
  );
}
