import { LosslessNumber } from 'lossless-json';
import { parseJsonByDigits } from '../../database/index.js';
import { ClaireError } from '../../errors/index.js';

/** A batch of 5,000 items fits, which is as many as one should wait for. */
export const MOST_BODY_BYTES = 1024 * 1024;
export const MOST_ITEMS = 5000;
/** Deeper than anything that is meant: `details` and `metadata` are flat in practice. */
const DEEPEST = 32;

/**
 * Where a number may have more digits than a float holds. Not only numbers look like it; then it costs time only.
 */
const LONG_NUMBER = /[:,[]\s*-?(?:[\d.]{16}|[\d.]+[eE])/;

/**
 * A body as its value, every digit of it: a decimal that a float cannot hold is text where money is, and stays a number
 * inside of `metadata` and `details`.
 * @throws ClaireError http_request_invalid, http_too_large
 */
export function parseBody(text: string): unknown {
  requireShallow(text);
  try {
    if (!LONG_NUMBER.test(text)) return JSON.parse(text);
    const value = parseJsonByDigits(text);
    return Array.isArray(value) ? value.map(withDigits) : withDigits(value);
  } catch (cause) {
    throw new ClaireError('http_request_invalid', { found: 'The body is no JSON.', cause });
  }
}

/** @throws ClaireError http_too_large */
export function requireFew(items: readonly unknown[]): void {
  if (items.length <= MOST_ITEMS) return;
  const found = `The batch has ${items.length} items, ${MOST_ITEMS} at most are taken at once.`;
  throw new ClaireError('http_too_large', { found });
}

function withDigits(item: unknown): unknown {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) return item;
  return Object.fromEntries(
    Object.entries(item).map(([key, value]) => [key, value instanceof LosslessNumber ? value.value : value]),
  );
}

const [QUOTE, BACKSLASH, OPEN, CLOSE] = [34, 92, 0x5b, 0x5d];

/** Before it is parsed: what nests ten thousand deep ends some parsers, and many that read it later. */
function requireShallow(text: string): void {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfText(text, at + 1);
    // A brace is a bracket with one more bit.
    else if ((code & ~0x20) === OPEN) {
      if (++depth > DEEPEST)
        throw new ClaireError('http_too_large', { found: `The body nests deeper than ${DEEPEST} levels.` });
    } else if ((code & ~0x20) === CLOSE) depth--;
  }
}

function endOfText(text: string, from: number): number {
  for (let at = from; ; ) {
    const end = text.indexOf('"', at);
    if (end < 0) return text.length;
    let before = end - 1;
    while (text.charCodeAt(before) === BACKSLASH) before--;
    if ((end - before) % 2 === 1) return end;
    at = end + 1;
  }
}
