export { addressGiven } from './address.js';
export type { Caller, Token } from './api/access.js';
export type { Endpoint } from './api/endpoint.js';
export { operationEndpoints } from './api/operations.js';
export { type PoolOptions, Pools } from './api/pools.js';
export { type AppOptions, build } from './app.js';
export * from './metrics/index.js';
export { requireReady } from './ready.js';
export { type Serving, serve } from './serve.js';
