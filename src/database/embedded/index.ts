export { binariesOf } from './build.js';
export { hasCluster } from './directory.js';
export { isAlive } from './files.js';
export type { EmbeddedServer, KeepPasswords, UrlOptions } from './handle.js';
export { LOGINS, type Login, SUPERUSER } from './logins.js';
export { newPassword } from './passwords.js';
export type { Account } from './programs.js';
export { placeCluster, type Recovered, type Recovery, recoverCluster, type Staging } from './recover.js';
export { type EmbeddedOptions, findEmbedded, startEmbedded } from './start.js';
