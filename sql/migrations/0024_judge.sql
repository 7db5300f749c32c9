-- title: What stands against an order: the limits in their order of precedence, and the numbers of the moment
-- version: 1.3
-- breaking: no
-- transaction: yes
-- locks: none on what exists; creates functions

-- What people read as the reason of a refusal, by the limit that names it.
create or replace function refusal_of(broken text, fallback text) returns text
language sql immutable as $$
  select case broken
    when 'signal_from_future' then 'Signal from the future'
    when 'max_signal_age_ms' then 'Signal too old'
    when 'min_confidence' then 'Confidence too low'
    when 'order_too_small' then 'Order too small'
    when 'price_unknown' then 'No price is known'
    when 'max_order_size' then 'Order size limit exceeded'
    when 'max_exposure' then 'Exposure limit exceeded'
    when 'max_position' then 'Position limit exceeded'
    when 'max_open_trades' then 'Open trades limit exceeded'
    when 'max_orders_per_minute' then 'Orders per minute limit exceeded'
    else fallback
  end;
$$;

-- The seed's type of a limit; NULL where it has none of its own.
create or replace function event_type_of(broken text) returns text
language sql immutable as $$
  select case broken
    when 'max_exposure' then 'exposure_limit_exceeded'
    when 'max_position' then 'position_limit_exceeded'
    when 'max_drawdown' then 'daily_drawdown_exceeded'
  end;
$$;

-- Where Claire makes an order's id from its signal's: cutting a long one could make two the same, a hash does not.
create or replace function order_id_for(signal_id text) returns text
language sql immutable as $$
  select case when length(signal_id) <= 46 then 'ord-' || signal_id
    else left('ord-' || signal_id, 17) || '-' || left(encode(sha256(convert_to('ord-' || signal_id, 'UTF8')), 'hex'), 32)
  end;
$$;

-- The numbers of a refusal, under the names of the seed's examples.
create or replace function numbers_of(d decisions, l limits, breach jsonb) returns jsonb
language plpgsql stable set search_path from current as $$
declare
  numbers jsonb := '{}';
begin
  if 'max_drawdown' = any (d.broken) then
    numbers := numbers || coalesce(breach -> 'details', '{}');
  end if;
  if 'max_exposure' = any (d.broken) then
    numbers := numbers || jsonb_build_object(
      'current_exposure', trim_scale(d.exposure), 'max_exposure', trim_scale(l.max_exposure),
      'new_position', trim_scale(d.notional)
    );
  end if;
  if 'max_position' = any (d.broken) then
    numbers := numbers || jsonb_build_object(
      'current_position', trim_scale(d.position), 'max_position', trim_scale(l.max_position),
      'new_position', trim_scale(d.notional)
    );
  end if;
  if 'max_order_size' = any (d.broken) then
    numbers := numbers
      || jsonb_build_object('order_size', trim_scale(d.notional), 'max_order_size', trim_scale(l.max_order_size));
  end if;
  if 'max_open_trades' = any (d.broken) then
    numbers := numbers || jsonb_build_object('open_trades', d.open_trades, 'max_open_trades', l.max_open_trades);
  end if;
  if 'max_orders_per_minute' = any (d.broken) then
    numbers := numbers || jsonb_build_object('max_orders_per_minute', l.max_orders_per_minute);
  end if;
  -- What decide knows of the signal stands there already.
  numbers := numbers || coalesce(d.details, '{}');
  return case when cardinality(d.broken) > 1 then numbers || jsonb_build_object('broken', d.broken) else numbers end;
end;
$$;

-- Whether another opening order at this moment is one too many for its minute, before it or after it: of those recorded,
-- and those of this batch.
create or replace function is_minute_full(at bigint, accepted bigint[], most bigint) returns boolean
language sql stable set search_path from current as $$
  select count(*) >= most
  from (
    select from (
      select from decisions
      where decision in ('opening', 'direct') and not reduces and timestamp > at - 60000 and timestamp < at + 60000
      limit most
    ) as recorded
    union all
    select from unnest(accepted) as a (moment) where moment > at - 60000 and moment < at + 60000
  ) as orders;
$$;

-- What stands against an opening order by itself and beside what is held, in the order of precedence.
create or replace function limits_broken(d decisions, l limits) returns text[]
language sql immutable as $$
  select array_remove(array[
    case when d.quantity = 0 then 'order_too_small' end,
    case when d.price is null and num_nonnulls(l.max_exposure, l.max_position, l.max_order_size) > 0 then 'price_unknown' end,
    case when d.notional > l.max_order_size then 'max_order_size' end,
    case when d.exposure + d.notional > l.max_exposure then 'max_exposure' end,
    case when d.position + d.notional > l.max_position then 'max_position' end,
    case when d.open_trades >= l.max_open_trades then 'max_open_trades' end
  ], null);
$$;

-- What is held: of the book, and of each wanted symbol, at its place of the arrays.
create or replace function held_exposure(
  wanted text[],
  out gross numeric, out num_trades bigint,
  out symbols text[], out notionals numeric[], out longs numeric[], out shorts numeric[],
  out closing_buys numeric[], out closing_sells numeric[], out max_positions numeric[], out max_order_sizes numeric[],
  out are_unsound boolean[]
)
language plpgsql stable set search_path from current as $$
begin
  select
    sum(s.notional), sum(s.num_trades),
    array_agg(s.symbol), array_agg(s.notional), array_agg(s.long), array_agg(s.short),
    array_agg(s.closing_buy), array_agg(s.closing_sell), array_agg(o.max_position), array_agg(o.max_order_size),
    array_agg(not is_amount(coalesce(o.max_position, 1)) or not is_amount(coalesce(o.max_order_size, 1)))
  into gross, num_trades, symbols, notionals, longs, shorts, closing_buys, closing_sells, max_positions, max_order_sizes,
    are_unsound
  from (
    select p.symbol, sum(p.notional) as notional, sum(p.num_trades) as num_trades,
      coalesce(sum(p.quantity) filter (where p.side = 'BUY'), 0) as long,
      coalesce(sum(p.quantity) filter (where p.side = 'SELL'), 0) as short,
      coalesce(sum(p.closing) filter (where p.side = 'BUY'), 0) as closing_buy,
      coalesce(sum(p.closing) filter (where p.side = 'SELL'), 0) as closing_sell
    from (
      -- The symbols that nobody asked for are one.
      select case when e.symbol = any (wanted) then e.symbol end as symbol,
        e.side, e.quantity, e.notional, e.num_trades, e.closing
      from exposure_parts as e
      union all
      select w, 'BUY', 0, 0, 0, 0 from unnest(wanted) as w
    ) as p
    group by p.symbol
  ) as s
  left join lateral (
    select x.max_position, x.max_order_size from limits as x
    where x.symbol = s.symbol order by x.version desc limit 1
  ) as o on true;
end;
$$;

-- Decides orders one after another, each seeing the ones before it. A candidate comes with what is known of it: what was
-- asked, its price, what its signal breaks, `closing` as its decision where it may close all that is open on the other
-- side, and `direct` where the order stands already. Only for who holds the risk row is it sure that nothing comes between.
create or replace function judge_orders(candidates decisions[], r risk, g halt_gate, l limits) returns decisions[]
language plpgsql stable set search_path from current as $$
declare
  of_book constant text := limits_problem(l);
  problem text;
  is_minute_limited constant boolean := l.max_orders_per_minute is not null;
  judged decisions[] := '{}';
  held record;
  d decisions;
  of_symbol limits := l;
  moment bigint;
  breach jsonb;
  halted halts;
  at integer;
  closable numeric;
  accepted bigint[] := '{}';
begin
  held := held_exposure(case when cardinality(candidates) = 1 then array[candidates[1].symbol]::text[]
    else array(select distinct c.symbol from unnest(candidates) as c) end);
  foreach d in array candidates loop
    at := array_position(held.symbols, d.symbol);
    problem := case when held.are_unsound[at] then coalesce(of_book, d.symbol) else of_book end;
    -- Where both sides are open, closing one makes the net position larger: that is for who asks to close, and means it.
    closable := case d.side when 'BUY' then held.shorts[at] - held.closing_buys[at]
      else held.longs[at] - held.closing_sells[at] end
      - case when d.decision = 'closing' then 0 when d.side = 'BUY' then held.longs[at] else held.shorts[at] end;
    d.quantity := case when d.decision = 'closing' and closable > 0 then closable
      else coalesce(d.asked_quantity, trunc(d.asked_notional / d.price, 8)) end;
    d.notional := d.quantity * d.price;
    d.exposure := held.gross;
    d.position := held.notionals[at];
    d.open_trades := held.num_trades;
    d.limits_version := l.version;
    d.reduces := d.quantity > 0 and d.quantity <= closable;
    if d.reduces then
      d.broken := '{}';
    else
      -- A batch is of few moments, mostly of one.
      if d.timestamp is distinct from moment then
        moment := d.timestamp;
        if problem is null then
          r := risk_at(r, l, moment);
          breach := standing_breach(g, r, l, moment);
        end if;
        halted := case when g.halt_id is not null then halt_at(g, moment) end;
      end if;
      d.daily_pnl := case when r.profit_at is not null then r.day_pnl end;
      of_symbol.max_position := coalesce(held.max_positions[at], l.max_position);
      of_symbol.max_order_size := coalesce(held.max_order_sizes[at], l.max_order_size);
      -- In the order of precedence: the first one names the reason.
      d.broken := array_remove(array[
          case when problem is not null then 'limits_unreadable' end,
          case when halted.id is not null then 'halted' end,
          case when breach is not null then 'max_drawdown' end
        ], null) || d.broken || limits_broken(d, of_symbol);
      if is_minute_limited and is_minute_full(d.timestamp, accepted, l.max_orders_per_minute) then
        d.broken := d.broken || 'max_orders_per_minute'::text;
      end if;
    end if;
    if cardinality(d.broken) > 0 then
      d.reason := refusal_of(d.broken[1], case d.broken[1]
        when 'limits_unreadable' then 'The limits cannot be read: ' || problem
        when 'halted' then 'Trading is halted: ' || halted.reason
        else breach ->> 'reason' end);
      d.details := numbers_of(d, of_symbol, breach);
    else
      d.details := null;
    end if;
    if d.decision <> 'direct' then
      d.decision := case when cardinality(d.broken) > 0 then 'rejected' when d.reduces then 'closing' else 'opening' end;
      d.reserved_quantity := case when d.decision = 'rejected' then 0 else d.quantity end;
    end if;
    if d.decision = 'rejected' then
      -- An order has a quantity, also one that buys nothing.
      d.quantity := greatest(d.quantity, 0.00000001);
    elsif not d.reduces then
      held.gross := held.gross + coalesce(d.notional, 0);
      held.notionals[at] := d.position + coalesce(d.notional, 0);
      held.num_trades := held.num_trades + 1;
      if is_minute_limited then accepted := accepted || d.timestamp; end if;
    elsif d.side = 'BUY' then
      held.closing_buys[at] := held.closing_buys[at] + d.quantity;
    else
      held.closing_sells[at] := held.closing_sells[at] + d.quantity;
    end if;
    judged := judged || d;
  end loop;
  return judged;
end;
$$;
