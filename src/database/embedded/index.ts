export { isAlive } from './files.js';
export type { EmbeddedServer, KeepPasswords, UrlOptions } from './handle.js';
export { LOGINS, type Login, SUPERUSER } from './logins.js';
export { newPassword } from './passwords.js';
export { type EmbeddedOptions, findEmbedded, startEmbedded } from './start.js';
