import { ClaireError } from '../errors/index.js';

const UNITS: Record<string, number> = { '': 1, k: 1000, m: 1_000_000 };
/** A billion signals are half a terabyte: whoever writes more has slipped. */
const LARGEST = 1_000_000_000;

/** `50k`, `1m`, `100k,10m`, `2000`: sizes in rows, the smallest first. @throws ClaireError usage_invalid */
export function parseSizes(text: string): number[] {
  return [...new Set(text.split(',').map((part) => parseSize(part.trim())))].sort((a, b) => a - b);
}

function parseSize(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+)([km]?)$/i.exec(text) ?? [];
  const rows = Number(digits) * UNITS[unit.toLowerCase()]!;
  if (rows >= 1 && rows <= LARGEST) return rows;
  throw new ClaireError('usage_invalid', {
    found: `--rows takes sizes from 1 to ${sizeText(LARGEST)} as 50k, 1m or 100k,10m; found ${JSON.stringify(text)}.`,
  });
}

/** As `parseSizes` reads it. */
export function sizeText(rows: number): string {
  if (rows > 0 && rows % 1_000_000 === 0) return `${rows / 1_000_000}m`;
  return rows > 0 && rows % 1000 === 0 ? `${rows / 1000}k` : String(rows);
}
