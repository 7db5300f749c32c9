import { chromium } from 'playwright-core';
const url = process.argv[2] ?? 'http://127.0.0.1:4777';
const only = process.argv[3]?.split(',');
const b = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
for (const [w, h, scheme] of [[1440, 900, 'dark'], [1440, 900, 'light'], [390, 844, 'light']]) {
  const ctx = await b.newContext({ viewport: { width: w, height: h }, colorScheme: scheme });
  const page = await ctx.newPage();
  page.on('console', (m) => m.type() === 'error' && !/404/.test(m.text()) && console.log(w, scheme, m.text()));
  page.on('pageerror', (e) => console.log('PAGEERROR', e.message, e.stack?.slice(0, 400)));
  for (const v of ['now', 'trades', 'why', 'risk', 'machine']) {
    if (only && !only.includes(v)) continue;
    await page.goto(`${url}/#/${v}${v === 'why' ? '?id=rsi14-SP500-1579824000000' : ''}`);
    await page.waitForTimeout(1200);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (over > 0) console.log(v, w, 'overflows by', over);
    await page.screenshot({ path: `/tmp/g-run/shots/${v}-${w}-${scheme}.png`, fullPage: true });
  }
  await ctx.close();
}
await b.close();
