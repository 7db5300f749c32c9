import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { count } from '../exact.js';
import { useMedia } from './media.js';

export interface Column<Row> {
  title: string;
  /** As CSS grid wants it. */
  width: string;
  cell: (row: Row) => ComponentChildren;
  isNumber?: boolean;
  /** Left out where there is room for the rest only. */
  onWide?: boolean;
}

export interface TableProps<Row> {
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  /** Rows that are seen at once. */
  most?: number;
  /** Told when the end comes near. */
  onEnd?: (() => void) | undefined;
  /** Told which rows are drawn. */
  onShown?: ((rows: readonly Row[]) => void) | undefined;
}

const ROW_PX = 32;
/** Drawn above and below what is seen, so that a quick wheel meets no empty rows. */
const BEYOND = 8;

/** By how many places the row at `at` has moved; one that is gone has not. */
function movedBy<Row>(
  before: readonly Row[],
  after: readonly Row[],
  at: number,
  keyOf: (row: Row) => string,
): number {
  const seen = before[at];
  if (before === after || seen === undefined) return 0;
  const key = keyOf(seen);
  const now = after.findIndex((row) => keyOf(row) === key);
  return now < 0 ? 0 : now - at;
}

/** Draws the rows that are seen and no others: ten thousand cost what forty cost. */
export function Table<Row>(props: TableProps<Row>) {
  const { label, rows, keyOf, most = 14, onEnd, onShown } = props;
  const isWide = useMedia('(min-width: 700px)');
  const columns = props.columns.filter(({ onWide }) => isWide || !onWide);
  const scroller = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);

  const first = Math.max(0, Math.floor(top / ROW_PX) - BEYOND);
  const shown = rows.slice(first, first + most + 2 * BEYOND);
  const isAtEnd = first + shown.length >= rows.length;
  useEffect(() => {
    if (isAtEnd) onEnd?.();
  }, [isAtEnd, rows.length]);
  useEffect(() => onShown?.(shown), [first, rows]);
  const before = useRef(rows);
  useLayoutEffect(() => {
    const element = scroller.current;
    // Who has scrolled down reads there: rows that come above him move nothing of what he sees.
    const moved = top === 0 ? 0 : movedBy(before.current, rows, Math.floor(top / ROW_PX), keyOf);
    before.current = rows;
    if (element && moved !== 0) element.scrollTop = top + moved * ROW_PX;
    // Fewer rows than before: the browser moves the scroll by itself, but tells of it only later.
    setTop(element?.scrollTop ?? 0);
  }, [rows]);

  const template = { gridTemplateColumns: columns.map(({ width }) => width).join(' ') };
  return (
    <div
      class="table"
      ref={scroller}
      role="table"
      aria-label={`${label}, ${count(rows.length)} rows`}
      aria-rowcount={rows.length + 1}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard
      tabIndex={0}
      style={{ maxHeight: `${(Math.min(most, rows.length) + 1) * ROW_PX + 2}px` }}
      onScroll={({ currentTarget }) => setTop(currentTarget.scrollTop)}
    >
      <div role="rowgroup" class="head">
        <div role="row" class="row" aria-rowindex={1} style={template}>
          {columns.map(({ title, isNumber }) => (
            <span key={title} role="columnheader" class={isNumber ? 'number' : ''}>
              {title}
            </span>
          ))}
        </div>
      </div>
      <div role="rowgroup" class="rows" style={{ height: `${rows.length * ROW_PX}px` }}>
        {shown.map((row, at) => (
          <div
            key={keyOf(row)}
            role="row"
            class="row"
            aria-rowindex={first + at + 2}
            style={{ ...template, transform: `translateY(${(first + at) * ROW_PX}px)` }}
          >
            {columns.map(({ title, isNumber, cell }) => (
              <span key={title} role="cell" class={isNumber ? 'number' : ''}>
                {cell(row)}
              </span>
            ))}
          </div>
        ))}
      </div>
    </div>
  );
}
