import { describe, expect, test } from 'vitest';
import { chartsOf } from '../../src/bench/charts.js';
import { parseSizes, reportHtml, reportJson, sizeText, tablesOf } from '../../src/bench/index.js';
import { inTurn, spread } from '../../src/bench/measure.js';
import { rounded } from '../../src/bench/report.js';
import { Undo } from '../../src/bench/undo.js';
import { reportText } from '../../src/cli/bench-text.js';
import { HOSTILE, sampleReport } from '../harness/bench-report.js';

describe('sizes', () => {
  test.each([
    ['50k', [50_000]],
    ['10m,100K, 2000', [2000, 100_000, 10_000_000]],
    ['1m,1000k', [1_000_000]],
  ])('%s is read, the smallest first, each once', (text, sizes) => {
    expect(parseSizes(text)).toEqual(sizes);
  });

  test.each(['', '0', '-5', '1.5m', 'many', '50kk', '1e6', '10k,', '5000m', '0x10'])(
    '%j is refused, and what was found is said',
    (text) => {
      expect(() => parseSizes(text)).toThrow(/50k, 1m or 100k,10m; found "/);
    },
  );

  test('they are written as they are read', () => {
    expect([50_000, 10_000_000, 2500, 1].map(sizeText)).toEqual(['50k', '10m', '2500', '1']);
  });
});

describe('measuring', () => {
  test('a spread has its quantiles, whatever the order', () => {
    const { percentiles, ...rest } = spread(Array.from({ length: 200 }, (_, n) => (n * 7) % 200));
    expect(rest).toEqual({ runs: 200, median: 100, p95: 190, p99: 198 });
    expect(percentiles).toHaveLength(101);
    expect([percentiles[0], percentiles[100]]).toEqual([0, 199]);
    expect(spread([3])).toMatchObject({ runs: 1, median: 3, p95: 3, p99: 3 });
    expect(() => spread([])).toThrow(RangeError);
  });

  test('subjects take turns, the first tenth is not counted, and an end is heeded', async () => {
    const order: string[] = [];
    const subject = (name: string) => ({ name, run: async () => order.push(name) });
    const measured = await inTurn([subject('a'), subject('b')], 10, new AbortController().signal);
    expect(order.join('')).toBe(`ab${'abba'.repeat(5)}`);
    expect(measured).toMatchObject({ a: { runs: 10 }, b: { runs: 10 } });
    await expect(inTurn([subject('a')], 1, AbortSignal.abort())).rejects.toThrow(/abort/);
  });

  test('undoing goes backwards, past what fails, names what remains, and lets nothing new come up', async () => {
    const undo = new Undo();
    const done: string[] = [];
    undo.add(async () => done.push('first'));
    undo.add(() => Promise.reject(new Error('held')), 'database x');
    undo.add(async () => done.push('last'));
    expect(await undo.run()).toEqual([{ error: new Error('held'), remains: 'database x' }]);
    expect(() => undo.add(async () => done.push('late'))).toThrow('ended');
    expect(done).toEqual(['last', 'first', 'late']);
  });
});

describe('a report', () => {
  test('its tables say each figure, each bar and the machine', () => {
    const text = reportText(sampleReport());
    expect(text).toMatch(/^what +by +rows +runs +median +p95 +p99 +unit +compared$/m);
    expect(text).toMatch(/^ +newest +10m +200 +0\.533 +0\.755 +0\.803 +ms +1\.05 × floor$/m);
    expect(text).toMatch(/^ +1\.0 +10m +200 +2,828 /m);
    expect(text).toMatch(/^query 1 .* kept$/m);
    expect(text).toMatch(/^query 2 .* missed$/m);
    expect(text).toMatch(/^query 3 .* not told by this run$/m);
    expect(text).toMatch(/^settings +fsync on, /m);
    expect(text).toContain('2 longer facts');
    expect(text).not.toContain('Seq Scan');
  });

  test('what is long stands apart', () => {
    const [queries] = tablesOf(sampleReport()).workloads;
    expect(queries!.long.map(({ title }) => title)).toEqual([
      'plan: last 100 signals of a symbol, 1.0, 100k',
      'plan: last 100 signals of a symbol, 1.0, 10m',
    ]);
    expect(queries!.facts!.rows[1]).toContain('index idx_signals_symbol_timestamp; rows scanned 100');
  });

  test('in HTML no text ends what it stands in', async () => {
    const html = await reportHtml(sampleReport());
    expect(html).not.toContain(HOSTILE);
    expect(html).not.toContain('<img');
    expect(html.match(/<\/script>/g)).toHaveLength(3);
    const [, charts] = /id="charts">(.*?)<\/script>/s.exec(html)!;
    expect(JSON.parse(charts!)).toEqual(chartsOf(sampleReport()));
  });

  test('a chart of growth needs two sizes, one of a distribution two runs, and no axis holds a zero', () => {
    const report = sampleReport();
    const [figure] = report.results[0]!.figures;
    const none = { ...figure!, ...spread([0]), rows: 1000 };
    expect(chartsOf({ ...report, results: [{ ...report.results[0]!, figures: [none] }] })).toEqual({
      growth: [],
      distributions: [],
    });
    const { growth } = chartsOf({
      ...report,
      results: [{ ...report.results[0]!, figures: [none, figure!] }],
    });
    expect(growth[0]).toMatchObject({
      x: { values: [1000, 100_000] },
      lines: [{ label: 'floor', values: [null, figure!.median] }],
    });
  });

  test('its JSON is the report, a list of numbers on a line, without digits that no clock gives', () => {
    const report = rounded(sampleReport());
    const text = reportJson(report);
    expect(JSON.parse(text)).toEqual(report);
    expect(text).toContain('"ratio": 1.05123');
    expect(text).toMatch(/"percentiles": \[[^\n]+\],?\n/);
  });
});
