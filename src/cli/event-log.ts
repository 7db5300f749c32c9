import { setting } from '../config.js';
import type { Log, LogOptions } from '../log/index.js';
import { offered } from './backups.js';
import { type Invocation, option } from './command.js';
import { lineOf } from './event-line.js';
import type { PlaceOptions } from './session.js';

/** Options of commands that stay. */
export const logOptions = () => [
  offered('log'),
  option('--verbose', 'print each event as a line on standard error'),
];

/** Nobody reads it: then nothing of it is loaded, either. */
const UNREAD: Log = { isRead: false, tell: () => {}, close: () => {} };

/** Works with the log of a command, as its options want it. */
export async function withLog<T>(invocation: Invocation, work: (log: Log) => Promise<T>): Promise<T> {
  const log = await logOf(invocation);
  try {
    return await work(log);
  } finally {
    log.close();
  }
}

async function logOf({ options, out }: Invocation): Promise<Log> {
  const file = setting('log', options.log as string | undefined);
  if (file === undefined && !options.verbose) return UNREAD;
  const { openLog } = await import('../log/index.js');
  const onEvent: LogOptions['onEvent'] = (event, fields) => out.note(lineOf(event, fields, new Date()));
  return openLog({ file, onEvent: options.verbose ? onEvent : undefined });
}

/** What becomes of connections, for the log. */
export const tellingOf = (log: Log): NonNullable<PlaceOptions['telling']> => ({
  onNotice: ({ code, details: { service, held_ms, statement } }) =>
    log.tell(code, { service, held_ms, statement }),
  onLost: (lost) => log.tell('connection_lost', lost),
});
