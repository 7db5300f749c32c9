import type { BareClient } from '../../../database/index.js';
import type { Book } from '../../book.js';
import type { Bar, WorkloadOptions } from '../../workload.js';
import { CALLERS, decideBare, fold, wantedOf } from './desk.js';

/** Symbols and sides of which the totals are not what their PENDING orders add up to. */
const DIFFERENCES = `
  with recomputed as (
    select o.symbol, o.side,
      coalesce(sum(o.quantity) filter (where d.reduces), 0) as closing,
      coalesce(sum(o.quantity * coalesce(o.price, s.price)) filter (where not d.reduces), 0) as notional,
      count(*) filter (where d.reduces is not true) as num_orders
    from orders as o
    left join decisions as d on d.order_id = o.order_id
    left join signals as s on s.signal_id = o.signal_id
    where o.status = 'PENDING'
    group by o.symbol, o.side
  ),
  kept as (
    select symbol, side, closing, notional, num_orders from reservation_totals
    where (closing, notional, num_orders) is distinct from (0, 0, 0)
  )
  select count(*)::int as differ from (
    (table kept except table recomputed) union all (table recomputed except table kept)
  ) as d`;

/** Gross exposure, added up from what is open and what waits, over the limit in force. */
const BEYOND = `
  select (
    (select coalesce(sum(quantity * entry_price), 0) from trades where status = 'OPEN')
    + (select coalesce(sum(o.quantity * s.price), 0) from orders as o join signals as s on s.signal_id = o.signal_id
       where o.status = 'PENDING')
    - (select max_exposure from limits_in_force where symbol is null)
  )::text as beyond`;

/** Orders for which the last limit leaves room, and how often each of ten connections asks. */
const ROOM = 50;
const ASKED = 20;

/** The turns are over: what was kept beside the orders is what the orders say, and a limit lets through what it says. */
export async function checkLaws({ place }: WorkloadOptions, book: Book): Promise<Bar[]> {
  await fold(book);
  const { differ } = await only<{ differ: number }>(book.bare, DIFFERENCES);
  // Signal 0 costs 100, so an order of 0.015 takes 1.5.
  const { beyond } = await only<{ beyond: string }>(book.bare, BEYOND);
  const inForce = await only<{ max: string }>(
    book.bare,
    'select max_exposure::text as max from limits_in_force where symbol is null',
  );
  await book.bare.query(
    `select set_limits(jsonb_build_object('max_exposure', $1::numeric + $2::numeric + $3), 'bench: room for ${ROOM}')`,
    [inForce.max, beyond, ROOM * 1.5],
  );
  const accepted = await askAtOnce(place.bare, book.url);
  await fold(book);
  const after = await only<{ differ: number }>(book.bare, DIFFERENCES);
  const over = Number((await only<{ beyond: string }>(book.bare, BEYOND)).beyond);
  return [
    {
      what: 'reservations after all of these decisions',
      bar: 'equal to what the PENDING orders add up to',
      measured: `${differ + after.differ} symbols and sides differ`,
      kept: differ + after.differ === 0,
      isLaw: true,
    },
    {
      what: `${CALLERS} connections ask ${CALLERS * ASKED} times where max_exposure has room for ${ROOM} orders`,
      bar: `${ROOM} are accepted, and exposure is the limit`,
      measured: `${accepted} accepted, exposure ${over === 0 ? 'is' : `differs by ${over} from`} the limit`,
      kept: accepted === ROOM && over === 0,
      isLaw: true,
    },
  ];
}

/** The same order of signal 0 from ten connections; gives how many were placed. */
async function askAtOnce(connect: (url: string) => Promise<BareClient>, url: string): Promise<number> {
  const clients = await Promise.all(Array.from({ length: CALLERS }, () => connect(url)));
  let accepted = 0;
  await Promise.all(
    clients.map(async (client, at) => {
      await client.query('set search_path to main');
      for (let n = 0; n < ASKED; n++) {
        const wanted = { ...wantedOf('', 0), order_id: `last_${at}_${n}` };
        const { rows } = await decideBare(client, wanted);
        if (rows[0].decision === 'opening') accepted++;
      }
      await client.end();
    }),
  );
  return accepted;
}

async function only<Row>(client: BareClient, text: string): Promise<Row> {
  const { rows } = await client.query(text);
  return rows[0] as Row;
}
