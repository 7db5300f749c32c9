import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { ClaireError } from '../errors/index.js';

/** A key for AES-256-GCM, and what it is recognised by without giving it away. */
export interface BackupKey {
  bytes: Buffer;
  id: string;
}

/** @throws ClaireError backup_key_invalid */
export async function readKey(given: {
  file?: string | undefined;
  text?: string | undefined;
}): Promise<BackupKey | undefined> {
  if (given.file === undefined) return given.text === undefined ? undefined : toKey(given.text, 'The key');
  const text = await readFile(given.file, 'utf8').catch((error: Error) => {
    throw new ClaireError('backup_key_invalid', { found: `${error.message}.` });
  });
  return toKey(text, given.file);
}

function toKey(text: string, what: string): BackupKey {
  const digits = text.trim();
  if (!/^[0-9a-f]{64}$/i.test(digits)) {
    throw new ClaireError('backup_key_invalid', { found: `${what} does not hold 64 hexadecimal digits.` });
  }
  const bytes = Buffer.from(digits, 'hex');
  const id = createHash('sha256').update('claire backup key').update(bytes).digest('hex').slice(0, 16);
  return { bytes, id };
}
