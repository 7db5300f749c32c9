import { type Claire, claireOn } from '../claire.js';
import type { BareClient, Database } from '../database/index.js';
import { LATEST_VERSION, migrate, type Version } from '../schema/index.js';
import type { WorkloadOptions } from './workload.js';

/** A book `main` in a database of its own, and one connection to it of each kind. */
export interface Book {
  /** As `place.create` knows the database. */
  name: string;
  url: string;
  version: Version;
  /** The driver itself; its `search_path` names the book. */
  bare: BareClient;
  /** One connection. */
  pool: Database;
  claire: Claire;
  /** Ends the connections, so that the database may be copied. */
  close(): Promise<void>;
  /** Ends them and drops the database. */
  drop(): Promise<void>;
}

type Load = (
  client: BareClient,
  withIds: boolean,
  onProgress: (done: number, total: number) => void,
) => Promise<void>;

/** Makes a book of a version and loads it. Its positions are up to date then, as upkeep would have left them. */
export async function makeBook(
  { place, signal, onProgress }: WorkloadOptions,
  name: string,
  version: Version,
  load: Load,
): Promise<Book> {
  onProgress(`making ${name}`);
  const url = await place.create(name);
  const migrator = place.pool(url, 2);
  await migrate(migrator, 'main', { to: version, signal });
  await migrator.close();
  const book = await openBook({ place }, name, url, version);
  await load(book.bare, version === LATEST_VERSION, (done, total) => {
    // Ends the COPY too: it takes minutes at the largest size.
    signal.throwIfAborted();
    onProgress(`loading ${name}`, done, total);
  });
  await settle(book);
  return book;
}

/** Connects to a book that is there, as one that was copied. */
export async function openBook(
  { place }: Pick<WorkloadOptions, 'place'>,
  name: string,
  url: string,
  version: Version,
): Promise<Book> {
  const bare = await place.bare(url);
  await bare.query('set search_path to main');
  const pool = place.pool(url, 1);
  const close = async () => {
    await bare.end();
    await pool.close();
  };
  return {
    name,
    url,
    version,
    bare,
    pool,
    claire: claireOn(pool, 'main'),
    close,
    async drop() {
      await close();
      await place.drop(name);
    },
  };
}

/** Folds what waits, refreshes what is stored, and leaves no dead rows behind. */
export async function settle({ bare, version }: Book): Promise<void> {
  if (version === '1.0') return;
  if (version === LATEST_VERSION) {
    while (Number((await bare.query('select fold_position_changes() as folded')).rows[0].folded) > 0);
    await bare.query('select refresh_positions_realtime()');
    await bare.query('vacuum (analyze) position_changes, position_totals');
  } else await bare.query('refresh materialized view concurrently positions_realtime');
  await bare.query('vacuum (analyze) positions_realtime');
}
