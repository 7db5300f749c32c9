import type { IChartApi } from 'lightweight-charts';
import { useEffect, useRef, useState } from 'preact/hooks';
import { theme } from '../session.js';
import { useStore } from '../store.js';
import { Skeleton } from './panel.js';

type Library = typeof import('lightweight-charts');

/** Colours are those of the style sheet, so that light and dark are decided in one place. */
export function colour(name: string, opacity = 1): string {
  const probe = document.createElement('i');
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const [red, green, blue] = getComputedStyle(probe).color.match(/\d+/g) ?? [];
  probe.remove();
  return `rgba(${red}, ${green}, ${blue}, ${opacity})`;
}

export interface ChartProps {
  /** For those who do not see it. */
  label: string;
  height_px: number;
  /** Changes when something else is to be drawn. */
  of: unknown;
  draw: (chart: IChartApi, library: Library) => void;
}

/** Floats are for pixels here and nowhere else: what is read as a number stands beside the chart. */
export function Chart({ label, height_px, of, draw }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const shade = useStore(theme);
  const [library, setLibrary] = useState<Library>();
  useEffect(() => {
    // Half of the page's size, and only where somebody looks at it.
    void import('lightweight-charts').then(setLibrary);
  }, []);
  useEffect(() => {
    if (!library || !place.current) return;
    const chart = library.createChart(place.current, optionsOf(height_px));
    draw(chart, library);
    chart.timeScale().fitContent();
    return () => chart.remove();
  }, [library, of, shade, height_px]);
  return (
    <div class="chart" role="img" aria-label={label} style={{ minHeight: `${height_px}px` }}>
      {!library && <Skeleton />}
      <div ref={place} aria-hidden="true" />
    </div>
  );
}

function optionsOf(height: number) {
  const line = colour('line');
  return {
    ...{ height, autoSize: true },
    layout: {
      background: { color: 'transparent' },
      textColor: colour('muted'),
      fontFamily: getComputedStyle(document.body).fontFamily,
      fontSize: 11,
      // The notice stands under the chart, as text.
      attributionLogo: false,
      panes: { separatorColor: line },
    },
    grid: { vertLines: { visible: false }, horzLines: { color: line } },
    rightPriceScale: { borderColor: line },
    // Twenty years of days side by side are thinner than half a pixel each.
    timeScale: { borderColor: line, minBarSpacing: 0.02 },
  };
}

export const Attribution = () => (
  <p class="note attribution">
    Charts: <a href="https://www.tradingview.com/">TradingView</a> Lightweight Charts™
  </p>
);
