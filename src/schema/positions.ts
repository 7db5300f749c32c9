const USABLE = `abs(quantity) < 'Infinity' and abs(entry_price) < 'Infinity'`;

/**
 * SQL that appends what the positions lack to equal the open trades. Nobody waits for it, and what is written or folded
 * meanwhile moves both halves of one snapshot. `schema` and `trades` are quoted.
 */
export const completePositions = (schema: string, trades = `${schema}.trades`): string =>
  `insert into ${schema}.position_changes (symbol, side, quantity, notional, num_trades)
   select symbol, side, sum(quantity), sum(notional), sum(num_trades)
   from (
     select symbol, side, quantity, quantity * entry_price as notional, 1 as num_trades
     from ${trades} where status = 'OPEN' and ${USABLE}
     union all
     select symbol, side, -quantity, -notional, -num_trades from ${schema}.position_totals
     union all
     select symbol, side, -quantity, -notional, -num_trades from ${schema}.position_changes
   ) as missing
   group by symbol, side
   having sum(num_trades) <> 0 or sum(quantity) <> 0 or sum(notional) <> 0`;
