import type { ClientConfig } from 'pg';
import { type Given, invalid, isSocket, isWanted, refuseUnknown } from './connection-parameters.js';
import { type Asked, passwordFor } from './password.js';
import { tlsOf } from './tls.js';

/** What the driver is told of a server. */
export type ServerAddress = Omit<ClientConfig, 'password'> & {
  password?: string | ((asked?: Asked) => Promise<string>);
};

/**
 * Reads a connection string as libpq does where the driver does not: sockets, TLS, and `passfile=FILE`, which names the
 * password file, so that the string itself carries no secret.
 * @throws ClaireError database_url_invalid
 */
export function parseDatabaseUrl(text: string): ServerAddress {
  const given = givenIn(split(text));
  refuseUnknown(given);
  const { user, host, dbname: database, options, application_name } = given;
  const port = given.port === undefined ? undefined : Number(given.port);
  const timeout = given.connect_timeout === undefined ? undefined : toSeconds(given.connect_timeout);
  const address = { user, host, port, database, options, application_name };
  return {
    // What is not said is for the driver to choose; an undefined key would count as said.
    ...(Object.fromEntries(
      Object.entries(address).filter(([, value]) => value !== undefined),
    ) as typeof address),
    password: given.password ?? ((asked) => passwordFor(given.passfile, asked)),
    ...(isSocket(host) ? { ssl: false } : tlsOf(given)),
    ...(given.sslnegotiation === 'direct' && !isSocket(host) ? { sslnegotiation: 'direct' } : {}),
    // libpq waits two seconds at least, and for ever where it is told 0.
    ...(timeout === undefined || timeout <= 0
      ? {}
      : { connectionTimeoutMillis: Math.max(2, timeout) * 1000 }),
  };
}

/**
 * The connection string without its password, for people and logs.
 * @throws ClaireError database_url_invalid: of what is no connection string nobody knows where a password stands
 */
export function redact(text: string): string {
  const parts = split(text);
  givenIn(parts);
  return join({
    ...parts,
    ...(parts.password ? { password: '***' } : {}),
    query: parts.query.map((one) =>
      /password$/i.test(decoded(one.name, 'a parameter')) ? { ...one, value: '***' } : one,
    ),
  });
}

/** The connection string with another database in it. */
export function withDatabase(text: string, database: string): string {
  const parts = split(text);
  const query = parts.query.filter(({ name }) => name !== 'dbname');
  return join({ ...parts, path: encodeURIComponent(database), query });
}

/** Parameters that the driver knows and older programs do not; what they say here is what is done without them. */
const FOR_THE_DRIVER = /^(uselibpqcompat|load_balance_hosts|passfile)$/;

/**
 * The connection string for programs of PostgreSQL, and its password apart from it. `address` gives the string, with the
 * password file that it is to be read from.
 * @throws ClaireError database_url_invalid, also where the key of a certificate has a password: there is no file for it
 */
export function forPrograms(text: string): {
  password: string | undefined;
  address(passfile?: string): string;
} {
  const parts = split(text);
  const given = givenIn(parts);
  refuseUnknown(given);
  if (given.sslpassword !== undefined)
    throw invalid('sslpassword would be seen by everybody: use a key without a password, or --kind logical.');
  const query = parts.query.filter(({ name }) => name !== 'password' && !FOR_THE_DRIVER.test(name));
  return {
    password: given.password,
    address(passfile = given.passfile) {
      const more = passfile === undefined ? [] : [{ name: 'passfile', value: encodeURIComponent(passfile) }];
      return join({ ...parts, password: undefined, query: [...query, ...more] });
    },
  };
}

/** The pieces of a connection string, each as it was written. */
interface Parts {
  scheme: string;
  user: string | undefined;
  password: string | undefined;
  /** Host and port. */
  server: string;
  path: string | undefined;
  query: { name: string; value: string }[];
}

/**
 * Not with WHATWG's URL, which refuses `user@/database` and takes what follows `#` out of a password. The text may hold a
 * password wherever somebody forgot to encode it, so no error quotes what it could not place.
 */
function split(text: string): Parts {
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(text.trim()) ?? [];
  if (scheme === undefined || rest === undefined) throw invalid('It is not a URL.');
  if (!/^postgres(ql)?$/i.test(scheme)) throw invalid(`It begins with ${scheme}://.`);
  // The last one: who did not encode an @ in the password wrote it before that.
  const at = rest.lastIndexOf('@');
  const login = at < 0 ? undefined : rest.slice(0, at);
  if (login !== undefined && /[/?]/.test(login)) {
    throw invalid('Write @, / and ? as %40, %2F and %3F where they are part of a name or a password.');
  }
  const [, user, , password] = /^([^:]*)(:(.*))?$/s.exec(login ?? '') ?? [];
  const [, server, , path, , query] = /^([^/?]*)(\/([^?]*))?(\?(.*))?$/s.exec(rest.slice(at + 1)) ?? [];
  return {
    scheme,
    user: login === undefined ? undefined : user,
    password,
    server: server ?? '',
    path,
    query: (query ?? '').split('&').filter(Boolean).map(toParameter),
  };
}

function toParameter(text: string): { name: string; value: string } {
  const at = text.indexOf('=');
  if (at < 1) throw invalid('After ? it wants NAME=VALUE, with & between them.');
  return { name: text.slice(0, at), value: text.slice(at + 1) };
}

function join({ scheme, user, password, server, path, query }: Parts): string {
  const login = user === undefined ? '' : `${user}${password === undefined ? '' : `:${password}`}@`;
  const parameters = query.map(({ name, value }) => `${name}=${value}`).join('&');
  return `${scheme}://${login}${server}${path === undefined ? '' : `/${path}`}${parameters && `?${parameters}`}`;
}

const SPACED = /^(options|application_name|passfile|ssl(rootcert|cert|key|crl))$/;

/** What the string says, by the names of libpq. What is empty is not said; of two the later one counts. */
function givenIn({ user, password, server, path, query }: Parts): Given {
  const [, host, , port] = /^(\[[^\]]*\]|[^:]*)(:(.*))?$/s.exec(server) ?? [];
  const before: [name: string, value: string | undefined][] = [
    ['user', user],
    ['password', password],
    ['host', host?.replace(/^\[(.*)\]$/, '$1')],
    ['port', port],
    ['dbname', path],
  ];
  const given: Given = {};
  for (const [name, value] of before) if (value) given[name] = decoded(value, `the ${name}`);
  for (const { name, value } of query) {
    const known = decoded(name, 'a parameter');
    // Node's URL and its like write a space as +, which is rarer than a space where files and options are named.
    const written = SPACED.test(known) ? value.replaceAll('+', '%20') : value;
    if (value) given[known] = decoded(written, isWanted(known) ? known : 'a parameter');
  }
  if (/,/.test(given.host ?? '')) throw invalid('It names several hosts; one is wanted.');
  if (given.port !== undefined) checkPort(given.port);
  // Of JDBC, and libpq knows it.
  if (given.ssl === 'true') given.sslmode ??= 'require';
  if (/,/.test(`${given.host ?? ''}${given.port ?? ''}`))
    throw invalid('It names several hosts; one is wanted.');
  return given;
}

function decoded(text: string, what: string): string {
  try {
    const plain = decodeURIComponent(text);
    if (!plain.includes('\0')) return plain;
  } catch {
    // Said below, without the text.
  }
  throw invalid(`Of ${what} a % is not the beginning of an encoded character; alone it is written %25.`);
}

function checkPort(text: string): void {
  if (/^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535) return;
  // Not quoted: of a login without its host the password stands there.
  throw invalid('The port is not a whole number from 1 to 65535.');
}

function toSeconds(text: string): number {
  if (/^-?\d{1,6}$/.test(text)) return Number(text);
  throw invalid('connect_timeout is not a whole number of seconds.');
}
