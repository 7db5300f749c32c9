/** One metric of Prometheus' text format. */
export interface Family {
  name: string;
  type: string;
  help: string;
  samples: { name: string; labels: Record<string, string>; value: number }[];
}

const HELP = /^# HELP ([a-z_][a-z0-9_]*) (.+)$/;
const TYPE = /^# TYPE ([a-z_][a-z0-9_]*) (gauge|counter|histogram)$/;
const SAMPLE = /^([a-z_][a-z0-9_]*)(?:\{(.*)\})? (-?[0-9.]+(?:e[+-]?\d+)?|Nan|[+-]Inf)$/;
const LABEL = /([a-z_][a-z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y;

/** Reads the format as strictly as its definition has it: what does not fit is an error that names its line. */
export function parseExposition(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const families = new Map<string, Family>();
  const series = new Set<string>();
  let family: Family | undefined;
  for (const line of text.split('\n').filter(Boolean)) {
    const [, helped, help] = HELP.exec(line) ?? [];
    if (helped) {
      if (families.has(helped)) throw new Error(`${helped} comes twice`);
      family = { name: helped, type: '', help: help!, samples: [] };
      families.set(helped, family);
      continue;
    }
    const [, typed, type] = TYPE.exec(line) ?? [];
    if (typed) {
      if (typed !== family?.name || family.type) throw new Error(`TYPE without its HELP: ${line}`);
      family.type = type!;
      continue;
    }
    const [, name, labels = '', value] = SAMPLE.exec(line) ?? [];
    if (!name) throw new Error(`no line of the format: ${line}`);
    if (!family?.type || !belongs(name, family)) throw new Error(`not of ${family?.name}: ${line}`);
    if (series.has(line.slice(0, line.lastIndexOf(' ')))) throw new Error(`comes twice: ${line}`);
    series.add(line.slice(0, line.lastIndexOf(' ')));
    family.samples.push({ name, labels: labelsOf(labels, line), value: Number(value) });
  }
  for (const each of families.values()) if (each.type === 'histogram') requireHistogram(each);
  return families;
}

const belongs = (name: string, { name: family, type }: Family): boolean =>
  type === 'histogram'
    ? ['_bucket', '_sum', '_count'].some((end) => name === `${family}${end}`)
    : name === family;

function labelsOf(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const [, name, value] = LABEL.exec(text) ?? [];
    if (name === undefined || name in labels) throw new Error(`labels of ${line}`);
    labels[name] = value!;
  }
  return labels;
}

/** Classes grow, and the last of them is the count. */
function requireHistogram({ name, samples }: Family): void {
  const keyOf = ({ le: _, ...labels }: Record<string, string>) => JSON.stringify(labels);
  const series = new Map<string, Family['samples']>();
  for (const sample of samples) {
    const key = keyOf(sample.labels);
    series.set(key, [...(series.get(key) ?? []), sample]);
  }
  for (const [key, own] of series) {
    const classes = own.filter((one) => one.name === `${name}_bucket`);
    const counts = classes.map(({ value }) => value);
    const isRising = counts.every((count, at) => at === 0 || count >= counts[at - 1]!);
    const count = own.find((one) => one.name === `${name}_count`)?.value;
    if (!isRising || classes.at(-1)?.labels.le !== '+Inf' || counts.at(-1) !== count)
      throw new Error(`${name} ${key} is no histogram`);
  }
}
