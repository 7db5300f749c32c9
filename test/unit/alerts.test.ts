import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { buildProgram } from '../../src/cli/program.js';
import { entryOfMetric, METRICS, type MetricName } from '../../src/http/index.js';

interface Rule {
  alert: string;
  expr: string;
  for: string;
  labels: { severity: string };
  annotations: { summary: string; remedy: string; runbook: string };
}

const rules = async (): Promise<Rule[]> => {
  const file = parse(await readFile('docs/operating/alerts.yml', 'utf8'), { strict: true }) as {
    groups: { name: string; rules: Rule[] }[];
  };
  return file.groups.flatMap((group) => group.rules);
};

/** What Prometheus itself says of a target. */
const PROMETHEUS = ['up'];

/** Names of metrics in an expression: words that are no function, no keyword, no label and no text. */
function metricsIn(expression: string): string[] {
  const bare = expression
    .replace(/"[^"]*"/g, '')
    .replace(/\{[^}]*\}/g, '')
    .replace(/\[[^\]]*\]/g, '')
    .replace(/\b(by|on|without|ignoring)\s*\([^)]*\)/g, '');
  const words = bare.match(/[a-z_][a-z0-9_]*(?!\w*\s*\()/gi) ?? [];
  return words.filter(
    (word) => !['and', 'or', 'unless', 'bool', 'e'].includes(word) && /^[a-z_]{2,}/.test(word),
  );
}

function isKnown(name: string): boolean {
  if (PROMETHEUS.includes(name) || name in METRICS) return true;
  const base = name.replace(/_(bucket|sum|count)$/, '');
  return base in METRICS && entryOfMetric(base as MetricName).type === 'histogram';
}

/** The labels that an expression asks for, by the metric whose they are. */
const labelsIn = (expression: string) =>
  [...expression.matchAll(/(claire_[a-z_]+)\{([^}]*)\}/g)].flatMap(([, name, inner]) =>
    [...inner!.matchAll(/([a-z_]+)\s*=/g)].map(([, label]) => [name!, label!] as const),
  );

describe('the alert rules', () => {
  test('are whole: a severity, a sentence, a remedy and an entry of the runbook each', async () => {
    const runbook = await readFile('docs/operating/runbook.md', 'utf8');
    const all = await rules();
    expect(new Set(all.map(({ alert }) => alert)).size).toBe(all.length);
    for (const { alert, for: long, labels, annotations } of all) {
      expect(alert).toMatch(/^Claire[A-Z]\w+$/);
      expect(long, alert).toMatch(/^\d+[mh]$/);
      expect(['page', 'ticket'], alert).toContain(labels.severity);
      expect(annotations.summary, alert).toMatch(/\.$/);
      expect(annotations.runbook).toBe(`docs/operating/runbook.md#${alert.toLowerCase()}`);
      expect(runbook, alert).toContain(`\n## ${alert}\n`);
    }
    expect(runbook.match(/^## /gm)).toHaveLength(all.length);
  });

  test('ask for metrics and labels that there are', async () => {
    for (const { alert, expr } of await rules()) {
      const metrics = metricsIn(expr);
      expect(metrics.length, alert).toBeGreaterThan(0);
      expect(
        metrics.filter((name) => !isKnown(name)),
        alert,
      ).toEqual([]);
      for (const [name, label] of labelsIn(expr))
        expect(entryOfMetric(name as MetricName).labels, `${alert} ${name}`).toContain(label);
    }
  });

  test('one that asks for another is found', () => {
    const unknown = (expression: string) => metricsIn(expression).filter((name) => !isKnown(name));
    expect(unknown('sum by (book) (rate(claire_nothing_total{book="x"}[5m])) > 0.01')).toEqual([
      'claire_nothing_total',
    ]);
    expect(unknown('claire_info_bucket > 1')).toEqual(['claire_info_bucket']);
    expect(unknown('time() - claire_trading_halted > 2e9 or up == 0')).toEqual([]);
  });

  test('name commands that there are', async () => {
    const program = await buildProgram({ signal: new AbortController().signal, finish: () => {} }, []);
    for (const { alert, annotations } of await rules()) {
      const [claire, ...words] = annotations.remedy.split(' ');
      expect(claire).toBe('claire');
      let command = program;
      for (const word of words) {
        const found = command.commands.find((one) => one.name() === word);
        expect(found, `${alert}: ${annotations.remedy}`).toBeDefined();
        command = found!;
      }
    }
  });

  test('and every metric that says it has one is in it', async () => {
    const all = await rules();
    for (const name of Object.keys(METRICS) as MetricName[]) {
      const { alert } = entryOfMetric(name);
      if (alert === undefined) continue;
      const rule = all.find((one) => one.alert === alert);
      expect(rule, `${name}: ${alert}`).toBeDefined();
      expect(metricsIn(rule!.expr).map((each) => each.replace(/_bucket$/, ''))).toContain(name);
    }
  });
});

test('each panel of the dashboard asks for metrics that there are', async () => {
  const text = await readFile('docs/operating/grafana-dashboard.json', 'utf8');
  const { panels } = JSON.parse(text) as { panels: { title: string; targets?: { expr: string }[] }[] };
  const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  expect(expressions.length).toBeGreaterThan(10);
  for (const expression of expressions) expect(metricsIn(expression).every(isKnown), expression).toBe(true);
});
