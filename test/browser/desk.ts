import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, inject } from 'vitest';
import { findEmbedded } from '../../src/database/embedded/index.js';
import { type Claire, connect } from '../../src/index.js';
import { freePort } from '../harness/ports.js';
import { scratchRoot } from '../harness/scratch.js';
import { type Running, start } from '../surfaces/cli-run.js';
import { needs, query } from '../surfaces/embedded-ground.js';
import { CHROMIUM } from './chromium.js';

export const hasChromium = needs(existsSync(CHROMIUM), CHROMIUM);

/** For what comes when it comes: a machine that does much else is no error. */
export const PATIENT = { timeout: 60_000 };

export interface Opened extends BrowserContextOptions {
  /** Of the address: `now`, `why?id=…`. */
  view?: string;
  /** Done to the page before it asks for anything. */
  prepare?: (page: Page) => Promise<unknown>;
}

export interface Desk {
  readonly url: string;
  readonly browser: Browser;
  /** A page of its own context, on this view. */
  open(opened?: Opened): Promise<Page>;
  /** What the pages complained of. */
  readonly complaints: string[];
  /** The library, as a service of the desk. */
  service(login?: 'claire' | 'claire_operator'): Promise<Claire>;
  /** A statement by the server's own superuser. */
  sql(text: string): Promise<void>;
  /** The command on the desk's data. */
  run(...args: string[]): string;
  /** Ends `up` with its server, as it is ended or as it is killed. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Again, on the same ports; the database alone, where nothing is to be served. */
  start(served?: 'database only'): Promise<void>;
}

/** `claire up` on a copy of the replayed record, and a browser: one of both for the tests of a file. */
export function useDesk(...options: string[]): Desk {
  let [base, url]: string[] = [];
  let browser: Browser;
  let up: Running | undefined;
  let there: string[];
  const complaints: string[] = [];
  const services: Claire[] = [];

  async function begin(served?: 'database only'): Promise<void> {
    const address = served ? 'off' : url!.replace('http://', '');
    up = start(['up', ...there, '--http', address, ...options]);
    await up.says('Ctrl-C');
  }
  async function stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    up?.signal(signal);
    await up?.ended;
    up = undefined;
  }

  beforeAll(async () => {
    base = await mkdtemp(join(scratchRoot(), 'claire-desk-'));
    await chmod(base, 0o755);
    execFileSync('cp', ['-a', inject('replayed'), join(base, 'data')]);
    there = ['--data', join(base, 'data'), '--port', String(await freePort()), '--book', 'demo'];
    url = `http://127.0.0.1:${await freePort()}`;
    await begin();
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  });
  afterEach(async () => {
    await Promise.all(services.splice(0).map((service) => service.close()));
    await Promise.all((browser?.contexts() ?? []).map((context) => context.close()));
  });
  afterAll(async () => {
    await browser?.close();
    await stop();
    if (base) await rm(base, { recursive: true, force: true, maxRetries: 5 });
  });

  return {
    get url() {
      return url!;
    },
    get browser() {
      return browser;
    },
    complaints,
    async open({ view = 'now', prepare, ...context } = {}) {
      const opened = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...context });
      const page = await opened.newPage();
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
      await prepare?.(page);
      await page.goto(`${url}/#/${view}`);
      return page;
    },
    async service(login = 'claire') {
      const [, databaseUrl] = new RegExp(`^${login} +(postgresql:\\S+)`, 'm').exec(up!.said())!;
      const service = await connect({ databaseUrl: databaseUrl!, book: 'demo', service: 'tests' });
      services.push(service);
      return service;
    },
    async sql(text) {
      const server = await findEmbedded(join(base!, 'data'));
      await query(server!, 'postgres', text);
    },
    run: (...args) =>
      execFileSync(process.execPath, ['bin/claire.js', ...args, ...there.slice(0, 2), '--book', 'demo'], {
        encoding: 'utf8',
      }),
    stop,
    start: begin,
  };
}

/** Kept as CI output; nothing reads them but people. */
export async function screenshot(page: Page, name: string): Promise<void> {
  const directory = resolve(process.env.CLAIRE_SCREENSHOTS ?? 'test-output/screenshots');
  await mkdir(directory, { recursive: true });
  await page.screenshot({ path: join(directory, `${name}.png`), fullPage: true });
}
