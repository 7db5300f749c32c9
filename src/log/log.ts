import { closeSync, openSync } from 'node:fs';
import { pino } from 'pino';
import { redact } from '../database/index.js';
import { ClaireError, entryOf } from '../errors/index.js';
import { EVENTS, type EventEntry, type EventName } from './events.js';

export type Fields<Name extends EventName> = {
  [Field in keyof (typeof EVENTS)[Name]['fields']]?: Field extends 'error' ? unknown : FieldValue;
};
export type FieldValue = string | number | boolean | readonly string[] | null | undefined;

export interface Log {
  /** Whether anybody reads it. */
  readonly isRead: boolean;
  tell<Name extends EventName>(event: Name, fields: Fields<Name>): void;
  close(): void;
}

export interface LogOptions {
  /** File to append to; `-` is standard error. */
  file: string | undefined;
  /** Told of each event as it stands in the log. */
  onEvent?: ((event: EventName, fields: Readonly<Record<string, unknown>>) => void) | undefined;
}

const STANDARD_ERROR = 2;

/**
 * The log: a line of JSON an event. Events are few, so each is written when it happens: what is in the file has happened,
 * whatever comes next.
 * @throws ClaireError log_unwritable
 */
export function openLog({ file, onEvent }: LogOptions): Log {
  const descriptor = file === undefined ? undefined : file === '-' ? STANDARD_ERROR : opened(file);
  const destination = descriptor === undefined ? undefined : pino.destination({ fd: descriptor, sync: true });
  // A full disk must not end what is logged.
  destination?.on('error', () => {});
  const logger =
    destination && pino({ base: null, formatters: { level: (label) => ({ level: label }) } }, destination);
  return {
    isRead: logger !== undefined || onEvent !== undefined,
    tell(event, given) {
      const { level }: EventEntry = EVENTS[event];
      const fields = Object.fromEntries(
        Object.entries(given)
          .filter(([, value]) => value !== undefined)
          .map(([name, value]) => [name, name === 'error' ? errorOf(value) : safe(value as FieldValue)]),
      );
      try {
        logger?.[level]({ event, ...fields });
      } catch {
        // As above.
      }
      onEvent?.(event, fields);
    },
    close() {
      destination?.flushSync();
      if (descriptor !== undefined && descriptor !== STANDARD_ERROR) closeSync(descriptor);
    },
  };
}

function opened(file: string): number {
  try {
    // Appending: a file that is copied and cut off (logrotate's copytruncate) goes on at its new end.
    return openSync(file, 'a', 0o640);
  } catch (error) {
    throw new ClaireError('log_unwritable', { found: `${(error as Error).message}.`, cause: error });
  }
}

/** Code and message. What speaks of rows says no more than its sentence: the rest may hold what was sent. */
function errorOf(error: unknown): { code: string; message: string } {
  if (!(error instanceof ClaireError))
    return {
      code: 'unexpected',
      message: withoutSecrets(error instanceof Error ? error.message : String(error)),
    };
  const isOfRows = error.status === 422 || error.status === 409 || SPEAKS_OF_ROWS.has(error.code);
  const message = isOfRows ? entryOf(error.code).sentence : error.message;
  return { code: error.code, message: withoutSecrets(message) };
}

const SPEAKS_OF_ROWS: ReadonlySet<string> = new Set(['database_error', 'value_unusable', 'write_unresolved']);

const safe = (value: FieldValue): FieldValue => {
  if (typeof value === 'string') return withoutSecrets(value);
  return Array.isArray(value) ? value.map(withoutSecrets) : value;
};

const CONNECTION_STRING = /postgres(?:ql)?:\/\/[^\s"'`]+/gi;
const PASSWORD = /(password(?:\s*[=:]\s*|\s+(?=')))('(?:[^']|'')*'|[^\s'",;&]+)/gi;
/** A secret in the query of any other address: of a receiver of notices, say. */
const OF_ADDRESS = /(https?:\/\/)[^\s/@"']*@|(https?:\/\/[^\s?"']*)\?[^\s"']*/gi;

/** Messages of libraries may repeat what they were given. */
export function withoutSecrets(text: string): string {
  return text
    .replace(CONNECTION_STRING, (found) => {
      try {
        return redact(found);
      } catch {
        return 'postgresql://***';
      }
    })
    .replace(OF_ADDRESS, (_, scheme?: string, bare?: string) =>
      bare === undefined ? `${scheme}***@` : `${bare}?***`,
    )
    .replace(PASSWORD, '$1***');
}
