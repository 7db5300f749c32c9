import { afterEach } from 'vitest';
import { Database } from '../../src/database/index.js';
import {
  archive,
  build,
  Collector,
  connections,
  operations,
  poolSource,
  positions,
  profit,
  Requests,
  requireReady,
  riskEvents,
  type Source,
  trading,
} from '../../src/http/index.js';
import { type Fixture, useBook } from '../harness/book.js';
import { type Family, parseExposition } from './exposition.js';

export interface Options {
  /** Default: the file's database. */
  url?: string;
  book?: string;
  sources?: readonly Source[];
  cacheMilliseconds?: number;
  waitMilliseconds?: number;
}

/** What is served, on a book of the file's own. */
export function useApp() {
  const book: Fixture = useBook();
  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });
  function app({ url = book.url, book: name = 'main', sources = [], ...limits }: Options = {}) {
    const database = new Database({
      ...{ databaseUrl: url, applicationName: 'claire http', connections: 2 },
      ...{ checkoutTimeout: 1000, statementTimeout: 1000 },
    });
    const errors: unknown[] = [];
    const failed: string[] = [];
    const asked = { collections: 0 };
    const requests = new Requests();
    const collector = new Collector({
      database,
      books: async () => {
        asked.collections += 1;
        return [name];
      },
      sections: [trading, positions, profit, riskEvents, operations(), connections, archive],
      sources: [poolSource(() => [database.stats()]), requests.source, ...sources],
      onError: (section) => failed.push(section),
      // Other files work on the same server and the same two cores.
      ...{ cacheMilliseconds: 0, waitMilliseconds: 30_000, ...limits },
    });
    const served = build({
      ...{ collector, requests },
      ready: () => requireReady(database, name),
      onUnknown: (error) => errors.push(error),
    });
    closing.push(
      () => served.close(),
      () => database.close(),
    );
    const scrape = async (): Promise<Map<string, Family>> =>
      parseExposition((await served.inject('/metrics')).body);
    return { served, database, errors, failed, asked, scrape };
  }
  return { book, app, afterwards: (close: () => Promise<unknown>) => void closing.push(close) };
}

/** The value of a series, by those of its labels that matter. */
export function sampleOf(
  families: Map<string, Family>,
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''));
  return family?.samples.find(
    (sample) =>
      sample.name === name &&
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  )?.value;
}
