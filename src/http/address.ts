import { ClaireError } from '../errors/index.js';

export interface Address {
  host: string;
  port: number;
  /** Whether somebody asked for exactly this port. */
  isAsked: boolean;
  /** Whether other machines reach it. */
  isPublic: boolean;
}

export const DEFAULT_ADDRESS: Address = { host: '127.0.0.1', port: 4400, isAsked: false, isPublic: false };

/** The names under which a browser or a program of this machine reaches a loopback address. */
const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]', 'localhost']);

/**
 * Where to serve, from `HOST:PORT`; undefined for `off`.
 * @throws ClaireError usage_invalid
 */
export function addressGiven(text: string | undefined): Address | undefined {
  if (text === undefined) return DEFAULT_ADDRESS;
  if (text === 'off') return undefined;
  const [, host = '', port] = /^(\[[^\]]*\]|[^:]*):(\d{1,5})$/.exec(text) ?? [];
  if (port === undefined || host === '' || Number(port) > 65_535)
    throw new ClaireError('usage_invalid', {
      found: `--http is HOST:PORT or \`off\`, not ${JSON.stringify(text)}.`,
    });
  const isPublic = !LOOPBACK.has(host.toLowerCase());
  return { host: host.toLowerCase(), port: Number(port), isAsked: Number(port) !== 0, isPublic };
}

/**
 * Other machines are asked who they are: there has to be a token that they could show, and none of the rest is open.
 * @throws ClaireError http_not_loopback, usage_invalid
 */
export async function requireTokens(
  { host, isPublic }: Address,
  isOpen: boolean,
  hasToken: () => Promise<boolean>,
): Promise<void> {
  if (!isPublic) return;
  if (isOpen)
    throw new ClaireError('usage_invalid', { found: `--open is for this machine only, not for ${host}.` });
  if (await hasToken()) return;
  throw new ClaireError('http_not_loopback', { found: `${host} was asked for.` });
}

/** Whether a Host header is the one that a browser sends to this origin, or says its port too. */
export function isHostOf(origin: string, host: string | undefined): boolean {
  const { hostname, port, protocol } = new URL(origin);
  const withPort = `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`;
  return host !== undefined && [withPort, port === '' ? hostname : withPort].includes(host.toLowerCase());
}

/**
 * Whether a Host header names this machine. A page of somebody else's can make a browser send requests here under its
 * own name; it cannot make it send this one.
 */
export function isLoopbackName(host: string | undefined): boolean {
  const name = /^(\[[^\]]*\]|[^:]*)(:\d{1,5})?$/.exec(host ?? '')?.[1];
  return name !== undefined && LOOPBACK.has(name.toLowerCase());
}
