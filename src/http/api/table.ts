import type { LoginRole } from '../../database/index.js';
import { type AnyOperation, type Operations, operations } from '../../operations/index.js';

export type Name = keyof Operations;

/** How a write is called: its path, and the login whose part it is where nobody says who he is. */
interface Write {
  path: string;
  by: LoginRole;
}

const desk = (path: string): Write => ({ path, by: 'claire' });
const operator = (path: string): Write => ({ path, by: 'claire_operator' });

/** An array in the body is a batch: it has the path of the single call. */
const WRITES: { readonly [N in Name]?: Write } = {
  recordSignal: desk('signals'),
  recordSignals: desk('signals'),
  decide: desk('decisions'),
  decideAll: desk('decisions'),
  placeOrder: desk('orders'),
  placeOrders: desk('orders'),
  fillOrder: desk('orders/fill'),
  fillOrders: desk('orders/fill'),
  rejectOrder: desk('orders/reject'),
  rejectOrders: desk('orders/reject'),
  cancelOrder: desk('orders/cancel'),
  cancelOrders: desk('orders/cancel'),
  openTrade: desk('trades'),
  openTrades: desk('trades'),
  closeTrade: desk('trades/close'),
  closeTrades: desk('trades/close'),
  recordRiskEvent: desk('risk-events'),
  recordRiskEvents: desk('risk-events'),
  recordCandles: desk('candles'),
  setLimits: operator('limits'),
  setCapital: operator('capital'),
  setHorizon: operator('horizons'),
  halt: operator('halt'),
  resume: operator('resume'),
  releaseReservation: operator('reservations/release'),
  correct: operator('corrections'),
  releaseQuarantined: operator('quarantined/release'),
  discardQuarantined: operator('quarantined/discard'),
  createToken: operator('tokens'),
  revokeToken: operator('tokens/revoke'),
};

/** A read whose one input stands in the path. */
const IN_PATH: { readonly [N in Name]?: string } = { why: 'id' };

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

export interface Route {
  method: 'GET' | 'POST';
  /** As the framework writes it: `/v1/why/:id`. */
  path: string;
  /** For an object in the body, or for the query. */
  one?: Name;
  /** For an array in the body. */
  many?: Name;
  by: LoginRole;
}

const registry = Object.entries(operations as Record<string, AnyOperation>) as [Name, AnyOperation][];

function routesOf(): Route[] {
  const routes = new Map<string, Route>();
  for (const [name, { kind }] of registry) {
    if (kind === 'read') {
      const parameter = IN_PATH[name];
      const path = `/v1/${kebab(name)}${parameter ? `/:${parameter}` : ''}`;
      routes.set(`GET ${path}`, { method: 'GET', path, one: name, by: 'claire_reader' });
      continue;
    }
    const { path: rest, by } = WRITES[name]!;
    const path = `/v1/${rest}`;
    const route = routes.get(path) ?? { method: 'POST', path, by };
    routes.set(path, { ...route, [kind === 'batch' ? 'many' : 'one']: name });
  }
  return [...routes.values()];
}

/** Each verb of the registry with its method and path, once. Routes, OpenAPI and the reference are made from it. */
export const ROUTES: readonly Route[] = routesOf();

/** Whether a read answers with rows, whatever their number. */
export const answersRows = (name: Name): boolean => ROWS.has(name);
const ROWS: ReadonlySet<Name> = new Set(['notTraded', 'verify']);
