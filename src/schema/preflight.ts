import type { Queryable } from '../database/index.js';
import type { BookState } from './recognise.js';
export async function preflight(
  _s: Queryable,
  _b: string,
  _st: BookState,
  o: { to: string; recordedIn?: string },
): Promise<{ zone: string; warnings: string[] }> {
  return { zone: o.recordedIn ?? 'UTC', warnings: [] };
}
