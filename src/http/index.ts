export { addressGiven } from './address.js';
export { type AppOptions, build } from './app.js';
export * from './metrics/index.js';
export { requireReady } from './ready.js';
export { type Serving, serve } from './serve.js';
