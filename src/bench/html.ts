import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { chartsOf } from './charts.js';
import type { Report } from './report.js';
import { MISSED, type Table, tablesOf, type WorkloadTables } from './tables.js';

/** The report as one HTML file that needs nothing beside it: scripts, styles and data are inside. */
export async function reportHtml(report: Report): Promise<string> {
  const { about, workloads } = tablesOf(report);
  const charts = chartsOf(report);
  const [uplot, uplotStyle, draw, style] = await Promise.all([
    readFile(packaged('uplot/dist/uPlot.iife.min.js'), 'utf8'),
    readFile(packaged('uplot/dist/uPlot.min.css'), 'utf8'),
    readFile(asset('report.js'), 'utf8'),
    readFile(asset('report.css'), 'utf8'),
  ]);
  const plots = [
    charts.growth.length > 0
      ? '<h2>Time against rows</h2><div class="charts" data-charts="growth"></div>'
      : '',
    charts.distributions.length > 0
      ? '<h2>Latency distributions</h2><div class="charts" data-charts="distributions"></div>'
      : '',
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<title>claire bench, ${escaped(report.started_at.slice(0, 10))}</title>
<style>${uplotStyle}${style}</style>
</head>
<body>
<h1>claire bench</h1>
${tableHtml({ head: [], rows: about })}
${workloads.map(workloadHtml).join('\n')}
${plots.join('\n')}
<script type="application/json" id="charts">${embedded(charts)}</script>
<script>${uplot}</script>
<script>${draw}</script>
</body>
</html>
`;
}

const packaged = (path: string): string => createRequire(import.meta.url).resolve(path);
const asset = (name: string): URL => new URL(`../../assets/bench/${name}`, import.meta.url);

const workloadHtml = ({ workload, figures, facts, bars, long, notes }: WorkloadTables): string =>
  [
    `<h2>${escaped(workload)}</h2>`,
    tableHtml(figures),
    bars ? tableHtml(bars) : '',
    notes.length > 0 ? `<ul>${notes.map((note) => `<li>${escaped(note)}</li>`).join('')}</ul>` : '',
    facts ? `<details><summary>What explains the figures</summary>${tableHtml(facts)}</details>` : '',
    ...long.map(
      ({ title, text }) =>
        `<details><summary>${escaped(title)}</summary><pre>${escaped(text)}</pre></details>`,
    ),
  ]
    .filter(Boolean)
    .join('\n');

function tableHtml({ head, rows }: Table): string {
  const isNumber = rows[0]?.map((_, column) => rows.every((row) => NUMBER.test(row[column]!)));
  const cell = (text: string, column: number) => {
    const style = isNumber?.[column] ? ' class="number"' : text === MISSED ? ' class="missed"' : '';
    return `<td${style}>${escaped(text)}</td>`;
  };
  const title = (text: string, column: number) =>
    `<th${isNumber?.[column] ? ' class="number"' : ''}>${escaped(text)}</th>`;
  const top = head.length > 0 ? `<thead><tr>${head.map(title).join('')}</tr></thead>` : '';
  const lines = rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`);
  return `<div class="table"><table>${top}<tbody>${lines.join('\n')}</tbody></table></div>`;
}

/** Sizes as 50k too. */
const NUMBER = /^([\d.,]+[km]?)?$/;

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);

/** JSON inside a script element, which the text `</script>` or `<!--` would end or bend. */
const embedded = (value: unknown): string => JSON.stringify(value).replaceAll('<', '\\u003c');
