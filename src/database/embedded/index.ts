export type { EmbeddedServer } from './handle.js';
export { LOGINS, type Login } from './logins.js';
export { type EmbeddedOptions, findEmbedded, startEmbedded } from './start.js';
