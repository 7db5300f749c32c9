import { parseJson } from '../database/index.js';
import { ClaireError } from '../errors/index.js';

/** Columns that hold JSON; every other value travels as text, so that no decimal passes through a float. */
const JSON_COLUMNS = ['metadata', 'details'];

/** `COLUMN=VALUE` as columns and their values; nothing after the sign means NULL. */
export function changesOf(given: string[]): Record<string, unknown> {
  return Object.fromEntries(
    given.map((change) => {
      const at = change.indexOf('=');
      if (at < 1)
        throw new ClaireError('input_invalid', { found: `changes: ${change} is not COLUMN=VALUE.` });
      const column = change.slice(0, at);
      return [column, correctedValue(column, change.slice(at + 1))];
    }),
  );
}

function correctedValue(column: string, text: string): unknown {
  if (text === '') return null;
  if (!JSON_COLUMNS.includes(column)) return text;
  try {
    return parseJson(text);
  } catch (error) {
    throw new ClaireError('input_invalid', {
      found: `changes: ${column} is not JSON: ${text}`,
      cause: error,
    });
  }
}
