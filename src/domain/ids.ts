import { createHash } from 'node:crypto';

/** The longest id that the record takes. */
const LONGEST = 50;

/** The id of an order where nobody gave one: it follows from the signal's. The database's `order_id_for` says the same. */
export const orderIdFor = (signal_id: string): string => fitting(`ord-${signal_id}`);

/** Ids given by others may be long already; cutting could make two the same, a hash does not. */
export function fitting(id: string): string {
  if (id.length <= LONGEST) return id;
  return `${id.slice(0, 17)}-${createHash('sha256').update(id).digest('hex').slice(0, 32)}`;
}
