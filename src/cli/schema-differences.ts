import type { Database } from '../database/index.js';
export async function schemaDifferences(
  _d: Database,
  _b: string,
  _v: string,
): Promise<{ matters: boolean; kind: string; state: string; name: string }[]> {
  return [];
}
