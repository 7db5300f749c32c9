import { identifier, type Queryable } from '../database/index.js';
import { ClaireError } from '../errors/index.js';
import { halts } from './halts.js';
import { limitsHistory } from './limits.js';
import { orders, positions, riskEvents, trades } from './reads.js';

/** What changed, with the row as it stands when the log is read. */
export interface LogEvent {
  /** Its place in the log: whoever goes on after it misses nothing. */
  cursor: string;
  what: 'order' | 'trade' | 'risk_event' | 'halt' | 'limits' | 'position';
  action: 'insert' | 'update' | 'delete';
  /** As the read of that name gives it. */
  row: Readonly<Record<string, unknown>>;
  /** Login that did it, and whom it acted for. */
  actor: string;
  at_ms: number;
}

export interface LogPage {
  events: LogEvent[];
  /** Where to go on. */
  cursor: string;
  /** Something between `after` and the oldest event that is still there is not: what is known must be read anew. */
  gap: boolean;
  /** When the first of what is committed and not told yet was written: an older transaction is open. Else null. */
  held_since_ms: number | null;
}

export interface LogOptions {
  /** Cursor of the last event that is known, or of the last page; left out: from now on. */
  after?: string | undefined;
  /** Largest number of changed rows; the positions that moved with them come beside. */
  limit: number;
}

/**
 * Reads what was committed after a place in the log, in one order for everybody: by transaction, and within it as it was
 * written. A transaction that has written and is still open, of whichever database of the server, holds back those that
 * began to write after it; nothing comes in before what was read. After trades comes the state of each position that they moved, once a page.
 * @throws ClaireError log_cursor_invalid
 */
export async function readLog(
  database: Queryable,
  book: string,
  { after, limit }: LogOptions,
): Promise<LogPage> {
  const schema = identifier(book);
  const from = after === undefined ? undefined : placeOf(after);
  const found = await entriesAfter(database, schema, from, limit);
  const { xmin, is_lost, held_ms } = found[0]!;
  // By the clock of who reads.
  const held_since_ms = held_ms === null ? null : Math.round(Date.now() - held_ms);
  const entries = found.filter((entry): entry is Entry => entry.id !== null);
  const gap = from !== undefined && is_lost;
  if (gap || entries.length === 0) return { events: [], cursor: `${xmin}.0.0`, gap, held_since_ms };
  const told = await rowsOf(database, schema, entries);
  const moved = movesOf(entries, told);
  const states = await statesOf(database, schema, moved);
  const events = entries.flatMap((entry) => eventsOf(entry, { from, told, moved, states }));
  const last = entries.at(-1)!;
  // Below xmin nothing comes any more: where the page is not full it ends there.
  const cursor = entries.length < limit ? `${xmin}.0.0` : `${last.xid}.${last.id}.${2 * last.ordinal}`;
  return { events, cursor, gap, held_since_ms };
}

/** Transaction, row of the log, and twice the place of an id in it; odd after the trade and before its position. */
interface Place {
  xid: string;
  id: string;
  step: number;
}

function placeOf(cursor: string): Place {
  const [, xid, id, step] = /^(\d{1,19})\.(\d{1,18})\.(\d{1,9})$/.exec(cursor) ?? [];
  if (xid === undefined || id === undefined || step === undefined) {
    throw new ClaireError('log_cursor_invalid', { found: `${JSON.stringify(cursor.slice(0, 60))}.` });
  }
  return { xid, id, step: Number(step) };
}

interface Entry extends Bounds {
  xid: string;
  id: string;
  ordinal: number;
  what: LogEvent['what'];
  action: LogEvent['action'];
  actor: string;
  at_ms: number;
  row_id: string | null;
  place: string | null;
}

interface Bounds {
  xmin: string;
  is_lost: boolean;
  /** How long ago it was written. */
  held_ms: number | null;
}

/** The bounds stand in each row; where there are no entries, in one without. All of it is of one snapshot. */
function entriesAfter(
  database: Queryable,
  schema: string,
  from: Place | undefined,
  limit: number,
): Promise<(Entry | (Bounds & { id: null }))[]> {
  return database.query(
    `with bounds as materialized (
       select pg_snapshot_xmin(s) as xmin, pg_snapshot_xmax(s) as xmax from pg_current_snapshot() as s
     )
     select b.xmin::text as xmin,
       $1::xid8 >= b.xmax and ($1::xid8, $2::bigint) <> (b.xmax, 0)
       or coalesce((
         select ($1::xid8, $2::bigint) < (o.xid, o.id)
         from ${schema}.record_log as o order by o.xid, o.id limit 1
       -- The newest always stays: where there is none, nothing was written yet.
       ), false) as is_lost,
       (
         select (extract(epoch from timezone('UTC', clock_timestamp()) - h.created_at) * 1000)::float8
         from ${schema}.record_log as h
         where h.xid >= (select xmin from bounds)
         order by h.xid, h.id limit 1
       ) as held_ms,
       e.*
     from bounds as b left join lateral (
       select l.xid::text as xid, l.id::text as id, u.ordinal, l.what, l.action, l.actor, l.created_at as at_ms,
         u.row_id::text as row_id, u.place
       from (
         select * from ${schema}.record_log as r
         where r.xid < (select xmin from bounds) and (r.xid, r.id) >= ($1::xid8, $2::bigint)
         order by r.xid, r.id
         -- One was told whole, perhaps, and of one nothing is told.
         limit ${Number(limit) + 2}
       ) as l
       cross join lateral unnest(l.ids, l.places) with ordinality as u (row_id, place, ordinal)
       where (l.xid, l.id, 2 * u.ordinal) > ($1::xid8, $2::bigint, $3::bigint)
       order by l.xid, l.id, u.ordinal
       limit ${Number(limit)}
     ) as e on true
     order by e.xid::xid8, e.id::bigint, e.ordinal`,
    // Without a place: after everything, and nothing is lost.
    from ? [from.xid, from.id, from.step] : ['18446744073709551615', '0', 0],
  );
}

const KINDS = {
  order: { read: orders, key: 'id' },
  trade: { read: trades, key: 'id' },
  risk_event: { read: riskEvents, key: 'id' },
  halt: { read: halts, key: 'id' },
  limits: { read: limitsHistory, key: 'version' },
} as const;
type Kind = keyof typeof KINDS;

type Row = Record<string, unknown>;
type Told = ReadonlyMap<Kind, ReadonlyMap<string, Row>>;

/** The rows that the entries name, as they stand now, by kind and number. One that left since is not told. */
async function rowsOf(database: Queryable, schema: string, entries: readonly Entry[]): Promise<Told> {
  const told = new Map<Kind, Map<string, Row>>();
  for (const [kind, { read, key }] of Object.entries(KINDS)) {
    const ids = new Set(entries.flatMap(({ what, row_id }) => (what === kind && row_id ? [row_id] : [])));
    if (ids.size === 0) continue;
    const rows = await database.query<Row>(`${read.select(schema)} where t.${key} = any ($1::bigint[])`, [
      [...ids],
    ]);
    told.set(kind as Kind, new Map(rows.map((row) => [String(row[key]), row])));
  }
  return told;
}

const rowOf = (told: Told, { what, row_id }: Entry): Row | undefined =>
  what === 'position' || row_id === null ? undefined : told.get(what)?.get(row_id);

/** The position that an entry moved, as `SIDE symbol`. */
function placeMoved(entry: Entry, told: Told): string | undefined {
  if (entry.place !== null) return entry.place;
  if (entry.what !== 'trade') return undefined;
  const row = rowOf(told, entry);
  return row && `${String(row.side)} ${String(row.symbol)}`;
}

/** The positions that were moved, each with the last entry that did: only after that its state is told. */
const movesOf = (entries: readonly Entry[], told: Told): ReadonlyMap<string, Entry> =>
  new Map(
    entries.flatMap((entry) => {
      const place = placeMoved(entry, told);
      return place === undefined ? [] : [[place, entry] as const];
    }),
  );

/** What each of these positions is now. */
async function statesOf(
  database: Queryable,
  schema: string,
  moved: ReadonlyMap<string, Entry>,
): Promise<ReadonlyMap<string, Row>> {
  if (moved.size === 0) return new Map();
  const places = [...moved.keys()].map((place) => {
    const [side, ...symbol] = place.split(' ');
    return { place, side, symbol: symbol.join(' ') };
  });
  const symbols = [...new Set(places.map(({ symbol }) => symbol))];
  const open = await database.query<Row>(`${positions.select(schema)} where t.symbol = any ($1)`, [symbols]);
  const byPlace = new Map(open.map((row) => [`${String(row.side)} ${String(row.symbol)}`, row]));
  return new Map(
    places.map(({ place, symbol, side }) => [place, byPlace.get(place) ?? { symbol, side, ...CLOSED }]),
  );
}

const CLOSED = {
  total_quantity: '0',
  avg_entry_price: null,
  num_trades: 0,
  total_value_usd: '0',
  first_entry: null,
  last_entry: null,
};

interface Page {
  from: Place | undefined;
  told: Told;
  moved: ReadonlyMap<string, Entry>;
  states: ReadonlyMap<string, Row>;
}

function eventsOf(entry: Entry, { from, told, moved, states }: Page): LogEvent[] {
  const { xid, id, ordinal, what, action, actor, at_ms } = entry;
  const event = (as: LogEvent['what'], step: number, row: Row): LogEvent => ({
    cursor: `${xid}.${id}.${step}`,
    ...{ what: as, action, row, actor, at_ms },
  });
  const isTrade = what === 'trade';
  const row = rowOf(told, entry);
  const place = placeMoved(entry, told);
  const isTold = from?.xid === xid && from.id === id && from.step === 2 * ordinal - 1;
  return [
    ...(row && !isTold ? [event(what, 2 * ordinal - (isTrade ? 1 : 0), row)] : []),
    ...(place !== undefined && moved.get(place) === entry
      ? [event('position', 2 * ordinal, states.get(place)!)]
      : []),
  ];
}
