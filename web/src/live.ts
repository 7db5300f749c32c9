import { type Caller, pages } from './api.js';
import type { Sent } from './event-text.js';
import type { Halt, Order, Position, RiskEvent, Trade } from './record.js';
import { type Store, store } from './store.js';
import { follow } from './stream.js';

export type Connection = { state: 'connecting' } | { state: 'live' } | Held | Lost;

/** The connection stands and brings nothing. */
export interface Held {
  state: 'held';
  since_ms: number;
  /** What the stream moves is shown as it was then. */
  true_ms: number;
  /** Another transaction is open, or the server cannot read its log. */
  by: 'transaction' | 'server';
}

export interface Lost {
  state: 'lost';
  since_ms: number;
  true_ms: number;
  why: string | undefined;
}

export type Happening =
  | { what: 'order'; row: Order }
  | { what: 'trade'; row: Trade }
  | { what: 'risk_event'; row: RiskEvent }
  | { what: 'halt'; row: Halt };

export type Told = Happening & { key: string; actor?: string | undefined; at_ms: number };

/** What the list of events keeps: more is read nowhere but in the record itself. */
const EVENTS = 200;
const HAPPENINGS = ['order', 'trade', 'risk_event', 'halt'];

export interface Live {
  connection: Store<Connection>;
  /** Newest first. */
  events: Store<readonly Told[]>;
  /** Undefined until they were read for the first time. */
  positions: Store<ReadonlyMap<string, Position> | undefined>;
  /** False while only the first pages of them are here. */
  isWhole: Store<boolean>;
  /** The newest price that a trade or the stream told, by symbol. */
  prices: Store<ReadonlyMap<string, LastPrice>>;
  /** Moves on where the stream begins, and where it left something out: what was read before may be old for ever. */
  epoch: Store<number>;
  /** Tells each time that some of these events came, with them. */
  watch(events: readonly string[], told: (sent: readonly Sent[]) => void): () => void;
  /** Follows one book, until what it returns is called. */
  connect(caller: Caller): () => void;
  /** Reads every open position into the store, which the stream keeps true from then on. */
  readPositions(caller: Caller): Promise<number>;
}

export interface LastPrice {
  price: string;
  at_ms: number;
}

export const keyOf = ({ symbol, side }: Pick<Position, 'symbol' | 'side'>): string => `${symbol}|${side}`;

/** One stream for the whole page: the views look at what it left here. */
export const live: Live = make();

function make(): Live {
  const connection = store<Connection>({ state: 'connecting' });
  const events = store<readonly Told[]>([]);
  const positions = store<ReadonlyMap<string, Position> | undefined>(undefined);
  const isWhole = store(false);
  const prices = store<ReadonlyMap<string, LastPrice>>(new Map());
  const epoch = store(0);
  const watchers = new Set<{ events: readonly string[]; told: (sent: readonly Sent[]) => void }>();
  /** What moved while the positions are being read, page after page: it is newer than the pages. */
  let meanwhile: Position[] | undefined;
  let waiting: Sent[] = [];
  /** When the stream was heard last. */
  let heard_ms = 0;
  let frame: number | undefined;

  /** All that came since the last frame at once: a hundred events a second draw sixty times, not a hundred. */
  function draw(): void {
    frame = undefined;
    const taken = waiting;
    waiting = [];
    const told = taken.filter(({ event }) => HAPPENINGS.includes(event)).map(toldOf);
    if (told.length > 0) events.set([...told.reverse(), ...events.get()].slice(0, EVENTS));
    const moved = taken.filter(({ event }) => event === 'position').map(({ data }) => data as Position);
    meanwhile?.push(...moved);
    if (moved.length > 0) positions.set(withMoved(positions.get(), moved));
    const seen = told.flatMap((one) => (one.what === 'trade' ? [one.row] : []));
    if (seen.length > 0) prices.set(withPrices(prices.get(), seen.reverse()));
    for (const watcher of [...watchers]) {
      const wanted = taken.filter(({ event }) => watcher.events.includes(event));
      if (wanted.length > 0) watcher.told(wanted);
    }
  }

  function take(sent: Sent): void {
    const { event, data } = sent;
    heard_ms = Date.now();
    // Between what was told and what follows something is missing: what was last is read anew.
    if (event === 'gap') events.set([]);
    if (event === 'hello' || event === 'gap') epoch.set(epoch.get() + 1);
    if (event === 'hello' || event === 'alive') {
      connection.set(connectionOf(data as Alive));
      return;
    }
    waiting.push(sent);
    // A page that nobody sees draws no frames.
    if (document.hidden) draw();
    else frame ??= requestAnimationFrame(draw);
  }

  function connect(caller: Caller): () => void {
    events.set([]);
    positions.set(undefined);
    isWhole.set(false);
    prices.set(new Map());
    connection.set({ state: 'connecting' });
    const stop = follow(caller, {
      onEvent: take,
      onLost(why) {
        const before = connection.get();
        const since_ms = before.state === 'lost' ? before.since_ms : Date.now();
        const true_ms = 'true_ms' in before ? before.true_ms : heard_ms;
        connection.set({ state: 'lost', since_ms, true_ms, why: why?.problem.detail });
      },
    });
    return () => {
      stop();
      waiting = [];
      if (frame !== undefined) cancelAnimationFrame(frame);
      frame = undefined;
    };
  }

  async function readPositions(caller: Caller): Promise<number> {
    const read = new Map<string, Position>();
    const mine: Position[] = [];
    meanwhile = mine;
    try {
      for await (const { rows, next } of pages<Position>(caller, '/v1/positions')) {
        for (const position of rows) read.set(keyOf(position), position);
        // The first thousand are shown while the others are on their way.
        if (next !== null && meanwhile === mine && !isWhole.get()) positions.set(withMoved(read, mine));
      }
      // Another reading that began later is newer in everything.
      if (meanwhile !== mine) return read.size;
      positions.set(withMoved(read, mine));
      isWhole.set(true);
      return read.size;
    } finally {
      if (meanwhile === mine) meanwhile = undefined;
    }
  }

  return {
    ...{ connection, events, positions, isWhole, prices, epoch, connect, readPositions },
    watch(wanted, told) {
      const watcher = { events: wanted, told };
      watchers.add(watcher);
      return () => void watchers.delete(watcher);
    },
  };
}

/** What the server says of itself every ten seconds, in its own time. */
interface Alive {
  at_ms: number;
  held_since_ms?: number | null;
  failing_since_ms?: number | null;
}

function connectionOf({ at_ms, held_since_ms, failing_since_ms }: Alive): Connection {
  const server_ms = failing_since_ms ?? held_since_ms;
  if (server_ms === undefined || server_ms === null) return { state: 'live' };
  // Its clock and this one need not agree: what they agree on is how long ago it was.
  const since_ms = Date.now() - Math.max(0, at_ms - server_ms);
  return {
    state: 'held',
    since_ms,
    true_ms: since_ms,
    by: failing_since_ms == null ? 'transaction' : 'server',
  };
}

let told = 0;
function toldOf({ event, id, data }: Sent): Told {
  const { actor, at_ms, ...row } = data as { actor?: string; at_ms?: number; created_at?: number };
  const happening = { what: event, row } as unknown as Happening;
  return { ...happening, key: `${id}/${++told}`, actor, at_ms: at_ms ?? Date.now() };
}

function withMoved(
  before: ReadonlyMap<string, Position> | undefined,
  moved: readonly Position[],
): ReadonlyMap<string, Position> | undefined {
  // Before the first reading there is nothing that these could change; it will hold them.
  if (!before) return before;
  const after = new Map(before);
  for (const position of moved) {
    if (/^0*(\.0*)?$/.test(position.total_quantity)) after.delete(keyOf(position));
    else after.set(keyOf(position), position);
  }
  return after;
}

function withPrices(
  before: ReadonlyMap<string, LastPrice>,
  trades: readonly Trade[],
): ReadonlyMap<string, LastPrice> {
  const after = new Map(before);
  for (const { symbol, exit_price, exit_timestamp, entry_price, entry_timestamp } of trades) {
    const [price, at_ms] =
      exit_price !== null && exit_timestamp !== null
        ? [exit_price, exit_timestamp]
        : [entry_price, entry_timestamp];
    if ((after.get(symbol)?.at_ms ?? 0) <= at_ms) after.set(symbol, { price, at_ms });
  }
  return after;
}
