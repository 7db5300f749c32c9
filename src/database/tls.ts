import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type ConnectionOptions, createSecureContext } from 'node:tls';
import type { ClientConfig } from 'pg';
import { setting, systemDirectories } from '../config.js';
import { type Given, invalid } from './connection-parameters.js';
import { PreferredTls } from './preferred-tls.js';

const MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
type Mode = (typeof MODES)[number];

/** Certificates that everyone trusts: those that come with Node. */
const PUBLIC = 'system';

/** As the driver takes it. */
export type Tls = Pick<ClientConfig, 'ssl' | 'stream'>;

/**
 * What TLS is to be, with the meaning that libpq gives to `sslmode`. Not the driver's reading of it, for which `require`
 * means `verify-full` until its next major version.
 * @throws ClaireError database_url_invalid, naming the parameter
 */
export function tlsOf(given: Given): Tls {
  const root = given.sslrootcert ?? setting('sslrootcert');
  const mode = modeOf(given, root);
  if (mode === 'disable') return { ssl: false };
  const options = optionsOf(given, mode, root);
  return mode === 'prefer' ? { ssl: false, stream: () => new PreferredTls(options) } : { ssl: options };
}

function optionsOf(given: Given, mode: Mode, root: string | undefined): ConnectionOptions {
  const authority = root ?? rootAtHome();
  const isVerified = isVerifying(mode, authority);
  const options: ConnectionOptions = {
    ...filesOf(given),
    ...(authority !== undefined && authority !== PUBLIC ? { ca: authorityIn(authority) } : {}),
    ...versionsOf(given),
    rejectUnauthorized: isVerified,
    // Who the certificate was made for counts for verify-full alone.
    ...(mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
  };
  try {
    createSecureContext(options);
  } catch (error) {
    throw invalid('Its certificate and key (sslcert, sslkey, sslpassword) cannot be used together.', error);
  }
  return options;
}

function modeOf(given: Given, root: string | undefined): Mode {
  const named = given.sslmode ?? setting('sslmode');
  const mode = MODES.find((one) => one === named);
  if (named !== undefined && mode === undefined) {
    throw invalid(`Its sslmode is ${JSON.stringify(named)}; there are ${MODES.join(', ')}.`);
  }
  // Who names a certificate wants it to be looked at. libpq would only try, and go on in clear text.
  const wantsTls = given.sslrootcert ?? given.sslcert ?? given.sslkey ?? given.sslnegotiation;
  const chosen = mode ?? (wantsTls === undefined && root !== PUBLIC ? 'disable' : 'verify-full');
  if (root === PUBLIC && chosen !== 'verify-full' && chosen !== 'disable') {
    throw invalid(
      `sslrootcert=${PUBLIC} wants sslmode=verify-full: else everyone with some certificate may be the server.`,
    );
  }
  if (given.sslnegotiation === 'direct' && (chosen === 'disable' || chosen === 'prefer')) {
    throw invalid('sslnegotiation=direct wants sslmode=require or more.');
  }
  return chosen;
}

function isVerifying(mode: Mode, authority: string | undefined): boolean {
  if (mode === 'verify-ca' && authority === undefined) {
    throw invalid('sslmode=verify-ca wants the authority of the server: sslrootcert=FILE.');
  }
  if (mode === 'verify-full' || mode === 'verify-ca') return true;
  // For the sake of old programs libpq verifies the chain where it is given an authority.
  return authority !== undefined;
}

/** libpq's own place for the authority. */
function rootAtHome(): string | undefined {
  const { home } = systemDirectories();
  const file = home === undefined ? undefined : join(home, '.postgresql', 'root.crt');
  return file !== undefined && existsSync(file) ? file : undefined;
}

function authorityIn(file: string): string {
  const text = contentOf('sslrootcert', file);
  try {
    // Node takes a file without a certificate for an authority that nobody is trusted by.
    new X509Certificate(text);
  } catch (error) {
    throw invalid(`sslrootcert: ${file} holds no certificate.`, error);
  }
  return text;
}

function filesOf({ sslcert, sslkey, sslcrl, sslpassword }: Given): ConnectionOptions {
  if ((sslcert === undefined) !== (sslkey === undefined)) {
    throw invalid('sslcert and sslkey belong together: it names one of them.');
  }
  if (sslkey !== undefined) refuseOpenKey(sslkey);
  return {
    ...(sslcert === undefined ? {} : { cert: contentOf('sslcert', sslcert) }),
    ...(sslkey === undefined ? {} : { key: contentOf('sslkey', sslkey) }),
    ...(sslcrl === undefined ? {} : { crl: contentOf('sslcrl', sslcrl) }),
    ...(sslpassword === undefined ? {} : { passphrase: sslpassword }),
  };
}

const VERSION = /^TLSv1(\.[123])?$/;

function versionsOf(given: Given): ConnectionOptions {
  const version = (name: 'ssl_min_protocol_version' | 'ssl_max_protocol_version') => {
    const value = given[name];
    if (value === undefined || VERSION.test(value)) return value as ConnectionOptions['minVersion'];
    throw invalid(`${name} is none of TLSv1, TLSv1.1, TLSv1.2, TLSv1.3.`);
  };
  const [minVersion, maxVersion] = [version('ssl_min_protocol_version'), version('ssl_max_protocol_version')];
  return { ...(minVersion ? { minVersion } : {}), ...(maxVersion ? { maxVersion } : {}) };
}

function contentOf(parameter: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw invalid(`${parameter}: ${file} cannot be read, ${(error as NodeJS.ErrnoException).code}.`, error);
  }
}

/** Of root's keys a group may read, as Debian has it for its own. */
function refuseOpenKey(file: string): void {
  if (process.platform === 'win32' || !existsSync(file)) return;
  const { mode, uid } = statSync(file);
  if ((mode & (uid === 0 ? 0o037 : 0o077)) !== 0) {
    throw invalid(`sslkey: ${file} may be read by others: chmod 600 it.`);
  }
}
