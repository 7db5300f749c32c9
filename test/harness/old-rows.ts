import { expect } from 'vitest';
import type { Fixture } from './book.js';

/** A market time. */
export const T = 1705072800000;

export type Table = 'signals' | 'orders' | 'trades' | 'risk_events';
/** SQL by column. */
export type Values = Record<string, string>;

/** A lawful row of each table, as SQL by column. */
const lawful: Record<Table, Values> = {
  signals: {
    signal_id: 'gen_random_uuid()::text',
    symbol: `'X'`,
    side: `'BUY'`,
    price: '1',
    confidence: '1',
    timestamp: `${T}`,
  },
  orders: {
    order_id: 'gen_random_uuid()::text',
    symbol: `'X'`,
    side: `'BUY'`,
    quantity: '1',
    price: '1',
    status: `'PENDING'`,
  },
  trades: {
    trade_id: 'gen_random_uuid()::text',
    symbol: `'X'`,
    side: `'BUY'`,
    quantity: '1',
    entry_price: '1',
    entry_timestamp: `${T}`,
    status: `'OPEN'`,
  },
  risk_events: {
    event_id: 'gen_random_uuid()::text',
    event_type: `'signal_rejected'`,
    reason: `'r'`,
    timestamp: `${T}`,
  },
};
/** What makes a lawful trade a closed one. */
export const closed = { status: `'CLOSED'`, exit_price: '2', exit_timestamp: `${T + 1}` };

/** Rows as they stood in a book before its laws came, and what becomes of them. */
export function oldRows(book: Fixture) {
  /** Inserts a row, as SQL by column over a lawful one; the number of the row. */
  async function insert(table: Table, values: Values = {}, into = 'main'): Promise<string> {
    const row = { ...lawful[table], ...values };
    const columns = Object.keys(row).join(', ');
    const [inserted] = await book.sql<{ id: string }>(
      `insert into ${table} (${columns}) values (${Object.values(row).join(', ')}) returning id::text`,
      into,
    );
    return inserted!.id;
  }

  /** Inserts a row that breaks laws, as it stood there before they came: they return as NOT VALID. */
  async function insertOld(table: Table, laws: string[], values: Values): Promise<string> {
    const found = await book.sql<{ name: string; definition: string }>(
      `select conname as name, regexp_replace(pg_get_constraintdef(oid), ' NOT VALID$', '') as definition
       from pg_constraint where conname in ('${laws.join(`', '`)}') and conrelid = '${table}'::regclass`,
    );
    expect(found).toHaveLength(laws.length);
    for (const { name } of found) await book.sql(`alter table ${table} drop constraint ${name}`);
    const id = await insert(table, values);
    for (const { name, definition } of found)
      await book.sql(`alter table ${table} add constraint ${name} ${definition} not valid`);
    return id;
  }

  async function quarantine(table: Table, id: string, laws: string[] = ['some_law'], from = 'main') {
    const given = laws.map((law) => `'${law}'`).join(', ');
    const [row] = await book.sql<{ id: string }>(
      `select quarantine_row('${table}', ${id}, array[${given}]::text[], 'no sure meaning')::text as id`,
      from,
    );
    return row!.id;
  }

  /** The row as PostgreSQL prints it, every digit of it. */
  const printed = async (table: Table, id: string, from = 'main') => {
    const [row] = await book.sql<{ text: string }>(
      `select t::text as text from ${table} as t where id = ${id}`,
      from,
    );
    return row?.text;
  };

  /** Rows in their tables and in quarantine, released ones not counted twice. */
  async function everything(): Promise<number> {
    const [row] = await book.sql<{ n: number }>(
      `select (select count(*) from signals) + (select count(*) from orders) + (select count(*) from trades)
         + (select count(*) from risk_events) + (select count(*) from quarantine where state <> 'released') as n`,
    );
    return row!.n;
  }

  async function brokenChecks(): Promise<string[]> {
    const checks = await (await book.connect()).verify();
    return checks.filter(({ broken }) => broken > 0).map(({ check }) => check);
  }

  return { insert, insertOld, quarantine, printed, everything, brokenChecks };
}
