/** Grafana's dashboard, made from the table of metrics: a row of panels for each part, in the order of the table. */
const WIDTH = 8;
const HEIGHT = 7;
const COLUMNS = 24;

export function dashboard(metrics) {
  const rows = grouped(panelsOf(metrics), ({ row }) => row);
  const panels = [];
  let top = 0;
  for (const [title, ofRow] of rows) {
    panels.push({ type: 'row', title, gridPos: { h: 1, w: COLUMNS, x: 0, y: top }, panels: [] });
    ofRow.forEach((panel, at) => {
      const across = COLUMNS / WIDTH;
      const y = top + 1 + Math.floor(at / across) * HEIGHT;
      panels.push(panelOf(panel, { h: HEIGHT, w: WIDTH, x: (at % across) * WIDTH, y }));
    });
    top += 1 + Math.ceil((ofRow.length * WIDTH) / COLUMNS) * HEIGHT;
  }
  return {
    title: 'Claire',
    uid: 'claire',
    timezone: 'utc',
    refresh: '30s',
    schemaVersion: 39,
    time: { from: 'now-6h', to: 'now' },
    templating: {
      list: [{ name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Prometheus' }],
    },
    panels: panels.map((panel, at) => ({ id: at + 1, ...panel })),
  };
}

const panelsOf = (metrics) =>
  Object.entries(metrics).flatMap(([name, { panel, help }]) =>
    panel ? [{ ...panel, help, expression: panel.expression ?? name }] : [],
  );

function panelOf({ title, help, expression, legend, unit }, gridPos) {
  const datasource = { type: 'prometheus', uid: `\${datasource}` };
  return {
    type: 'timeseries',
    title,
    description: help,
    datasource,
    gridPos,
    fieldConfig: { defaults: { unit, ...(unit === 'bool' ? { min: 0, max: 1 } : {}) }, overrides: [] },
    options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi' } },
    targets: [{ refId: 'A', datasource, expr: expression, legendFormat: legend }],
  };
}

function grouped(values, keyOf) {
  const groups = new Map();
  for (const value of values) groups.set(keyOf(value), [...(groups.get(keyOf(value)) ?? []), value]);
  return groups;
}
