#!/usr/bin/env node
// How long from a commit until the page shows it, how long until the first view, and how even the scroll of ten thousand
// positions is: a real `claire up`, a real Chromium, and a writer beside them. Built first: `npm run build`.
//   node bench/commit-to-pixel.js [--seconds 20] [--per-second 100] [--positions 10000]
import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { connect } from '../dist/index.js';

const CHROMIUM = '/usr/bin/chromium';
const OPENED = 10;
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    'per-second': { type: 'string', default: '100' },
    positions: { type: 'string', default: '10000' },
  },
});
const [seconds, perSecond, positions] = [values.seconds, values['per-second'], values.positions].map(Number);

const print = (text) => process.stdout.write(`${text}\n`);
const quantile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
const figures = (all) => {
  const sorted = [...all].sort((a, b) => a - b);
  const [median, p95, most] = [quantile(sorted, 0.5), quantile(sorted, 0.95), sorted.at(-1)];
  return `median ${median.toFixed(0)} ms, p95 ${p95.toFixed(0)} ms, most ${most.toFixed(0)} ms of ${sorted.length}`;
};

async function up(data) {
  const args = ['bin/claire.js', 'up', '--open', '--data', data, '--http', '127.0.0.1:0'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  await new Promise((done, failed) => {
    child.once('exit', (code) => failed(new Error(`claire up ended with ${code}`)));
    child.stdout.setEncoding('utf8').on('data', (text) => {
      said += text;
      if (said.includes('Ctrl-C')) done();
    });
  });
  const url = /(http:\/\/127\.0\.0\.1:\d+)/.exec(said)[1];
  const databaseUrl = /^claire +(postgresql:\S+)/m.exec(said)[1];
  const stop = async () => {
    const ended = new Promise((done) => child.once('exit', done));
    child.kill('SIGTERM');
    await ended;
  };
  return { url, databaseUrl, stop };
}

const trade = (id, symbol) => ({
  ...{ trade_id: id, symbol, side: 'BUY', quantity: '1', entry_price: '10' },
  entry_timestamp: Date.now(),
});

/** Runs in the page: when each trade of the writer was on the screen, by the clock that the writer has too. */
const WATCH = `
  window.shown = {};
  new MutationObserver(() => requestAnimationFrame(() => {
    const now = performance.timeOrigin + performance.now();
    for (const { title } of document.querySelectorAll('.events .id')) window.shown[title.slice(4)] ??= now;
  })).observe(document.body, { childList: true, subtree: true, characterData: true });`;

/** Runs in the page: the time of each frame while the table is scrolled from end to end. */
const SCROLL = `window.scrolled = new Promise((done) => {
  const table = document.querySelector('.positions .table');
  const frames = [];
  let [last, step] = [performance.now(), 0];
  const next = (now) => {
    frames.push(now - last);
    last = now;
    table.scrollTop = (table.scrollHeight * ++step) / 240;
    if (step < 240) requestAnimationFrame(next);
    else done(frames.slice(1));
  };
  requestAnimationFrame(next);
})`;

async function firstViews(browser, url) {
  const took = [];
  for (let n = 0; n < OPENED; n++) {
    const context = await browser.newContext();
    const page = await context.newPage();
    const begun = performance.now();
    await page.goto(url, { waitUntil: 'commit' });
    await page.locator('.positions [role=row]').nth(1).waitFor();
    took.push(performance.now() - begun);
    await context.close();
  }
  return took;
}

async function commitToPixel(page, claire) {
  await page.evaluate(WATCH);
  const committed = new Map();
  const writes = [];
  const begun = performance.now();
  for (let n = 0; n < seconds * perSecond; n++) {
    await sleep(Math.max(0, begun + (n * 1000) / perSecond - performance.now()));
    const id = `pixel-${n}`;
    const write = claire.openTrade(trade(id, `P${n % 50}`));
    writes.push(write.then(() => committed.set(id, performance.timeOrigin + performance.now())));
  }
  await Promise.all(writes);
  await sleep(2000);
  const shown = await page.evaluate('window.shown');
  const missing = [...committed.keys()].filter((id) => shown[id] === undefined).length;
  if (missing > 0) print(`${missing} were never seen in the list of events`);
  return [...committed].filter(([id]) => shown[id]).map(([id, at]) => Math.max(0, shown[id] - at));
}

const base = await mkdtemp(join(tmpdir(), 'claire-pixel-'));
await chmod(base, 0o755);
const desk = await up(join(base, 'data'));
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
const claire = await connect({ databaseUrl: desk.databaseUrl, service: 'bench' });
try {
  for (let from = 0; from < positions; from += 1000) {
    const size = Math.min(1000, positions - from);
    await claire.openTrades(
      Array.from({ length: size }, (_, n) => trade(`open-${from + n}`, `S${from + n}`)),
    );
  }
  print(
    `first view, ${positions} open positions: ${figures(await firstViews(browser, desk.url))} (bar 1000 ms)`,
  );
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.goto(desk.url);
  await page.locator('.connection.live').waitFor();
  await page.locator('.positions [role=row]').nth(1).waitFor();
  print(`frames while ${positions} positions are scrolled: ${figures(await page.evaluate(SCROLL))}`);
  const took = await commitToPixel(page, claire);
  print(`commit to pixel, ${perSecond} commits a second: ${figures(took)} (bar 250 ms at p95)`);
} finally {
  await claire.close();
  await browser.close();
  await desk.stop();
  await rm(base, { recursive: true, force: true });
}
