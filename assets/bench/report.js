/* Draws the charts of a report of `claire bench` with uPlot, which stands before this in the same file. */
(() => {
  const charts = JSON.parse(document.getElementById('charts').textContent);
  const dark = matchMedia('(prefers-color-scheme: dark)');
  // Told apart on both grounds, also by those who see fewer colours (Okabe and Ito, the dark ones lightened).
  const COLOURS = {
    light: ['#0072b2', '#d55e00', '#009e73', '#aa4499', '#8c6d00', '#444444', '#56b4e9', '#cc6677'],
    dark: ['#56b4e9', '#ff9f45', '#2fd6a5', '#e78ac3', '#f0e442', '#d0d0d0', '#7f9cff', '#ff8a80'],
  };
  const DASHES = [[], [6, 4], [2, 3]];
  const HEIGHT = 300;
  let drawn = [];

  const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const short = (value) => {
    if (value >= 1e6 && value % 1e5 === 0) return `${value / 1e6}m`;
    if (value >= 1e3 && value % 100 === 0) return `${value / 1e3}k`;
    return String(Number(value.toPrecision(3)));
  };

  /** Over few decades the 2 and the 5 of each are shown too; the others stay away. */
  const fewOf = (_, splits) => {
    const shown = Math.log10(splits.at(-1) / splits[0]) > 3 ? [1] : [1, 2, 5];
    const lead = (value) => Math.round(value / 10 ** Math.floor(Math.log10(value) + 1e-9));
    return splits.map((value) => (shown.includes(lead(value)) ? value : null));
  };

  const axis = (label, logarithmic, size) => ({
    label,
    size,
    stroke: colourOf('--faint'),
    grid: { stroke: colourOf('--line'), width: 1, ...(logarithmic ? { filter: fewOf } : {}) },
    ticks: { stroke: colourOf('--line'), width: 1, ...(logarithmic ? { filter: fewOf } : {}) },
    ...(logarithmic
      ? {
          filter: fewOf,
          values: (_, splits) => splits.map((value) => (value === null ? '' : short(value))),
        }
      : {}),
  });

  const series = ({ label }, at) => {
    const colours = COLOURS[dark.matches ? 'dark' : 'light'];
    return {
      label,
      stroke: colours[at % colours.length],
      width: 2,
      dash: DASHES[Math.floor(at / colours.length) % DASHES.length],
      spanGaps: true,
      value: (_, value) => (value === null || value === undefined ? '' : `${short(value)} ms`),
    };
  };

  function draw(chart, parent) {
    const figure = document.createElement('figure');
    const caption = document.createElement('figcaption');
    caption.textContent = chart.title;
    figure.append(caption);
    parent.append(figure);
    const { x, y, lines } = chart;
    const plot = new uPlot(
      {
        width: figure.clientWidth,
        height: HEIGHT,
        scales: { x: { time: false, distr: x.logarithmic ? 3 : 1 }, y: { distr: 3 } },
        axes: [axis(x.label, x.logarithmic, 40), axis(y.label, true, 60)],
        series: [
          { label: x.label, value: (_, value) => (value === null ? '' : short(value)) },
          ...lines.map(series),
        ],
      },
      [x.values, ...lines.map(({ values }) => values)],
      figure,
    );
    drawn.push({ plot, figure });
  }

  function drawAll() {
    for (const { plot, figure } of drawn) {
      plot.destroy();
      figure.remove();
    }
    drawn = [];
    for (const parent of document.querySelectorAll('[data-charts]'))
      for (const chart of charts[parent.dataset.charts]) draw(chart, parent);
  }

  drawAll();
  dark.addEventListener('change', drawAll);
  addEventListener('resize', () => {
    for (const { plot, figure } of drawn) plot.setSize({ width: figure.clientWidth, height: HEIGHT });
  });
})();
