import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Setting, setting, settings } from '../config.js';
import { bookName } from '../database/identifiers.js';

/** Options that every command understands, before or after its name. */
export interface GlobalOptions {
  /** PostgreSQL to use; undefined: the embedded server. */
  databaseUrl: string | undefined;
  /** The same, but only where the flag itself was given: for what must not happen by accident to the one of the environment. */
  namedDatabaseUrl: string | undefined;
  /** Directory of the embedded server. */
  data: string;
  /** Port of the embedded server, only if somebody asked for one. */
  port: number | undefined;
  book: string;
  json: boolean;
  debug: boolean;
}

const OFFERED = ['database_url', 'data', 'port', 'book'] as const satisfies readonly Setting[];

export function addGlobalOptions(program: Command): void {
  for (const name of OFFERED) {
    const { flag, meaning, environment, fallback } = settings[name];
    const otherwise = fallback === undefined ? '' : `; default ${fallback}`;
    program.addOption(new Option(flag, `${meaning} (environment ${environment}${otherwise})`));
  }
  program.option('--json', 'print one JSON document on standard output');
  program.option('--debug', 'with an unknown error, print where in the program it came from');
}

/** What was given by flag, else by environment, else the default. */
export function readGlobalOptions(program: Command): GlobalOptions {
  const given = program.opts<Record<string, string | undefined> & { json?: boolean; debug?: boolean }>();
  const port = setting('port', given.port);
  return {
    databaseUrl: setting('database_url', given.databaseUrl),
    namedDatabaseUrl: given.databaseUrl,
    data: setting('data', given.data)!,
    port: port === undefined ? undefined : toPort(port),
    book: bookName(setting('book', given.book)!),
    json: given.json ?? false,
    debug: given.debug ?? false,
  };
}

function toPort(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new InvalidArgumentError(`A port is a whole number from 1 to 65535, not ${JSON.stringify(text)}.`);
}
