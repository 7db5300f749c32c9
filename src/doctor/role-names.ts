import { BESIDE, BUDGETED, type Profile } from '../database/index.js';

export type Service = keyof typeof BUDGETED | keyof typeof BESIDE;

const PROFILES: Readonly<Record<Service, Profile>> = { ...BUDGETED, ...BESIDE };

/** The longest first: `claire_reader` is no `claire` of a book `reader`. */
const SERVICES = (Object.keys(PROFILES) as Service[]).sort((a, b) => b.length - a.length);

/** Longest name of the server, in bytes; the names of books have one each. */
const LONGEST = 63;

/** Which of Claire's logins a role is, of whatever book; undefined where it is none. */
export const serviceOf = (role: string): Service | undefined =>
  SERVICES.find((service) => role === service || role.startsWith(`${service}_`));

export const profileOfService = (service: Service): Profile => PROFILES[service];

/** Connections that a login may have at its peak. */
export const mostOf = ({ base, overflow }: Profile): number => base + overflow;

/** Whether a role is this login of this book. A name that is too long ends with a hash of the book's. */
export function isRoleOf(role: string, service: Service, book: string): boolean {
  if (book === 'main') return role === service;
  const whole = `${service}_${book}`;
  if (whole.length <= LONGEST) return role === whole;
  return role.startsWith(whole.slice(0, LONGEST - 10)) && /[0-9a-f]{8}$/.test(role);
}
