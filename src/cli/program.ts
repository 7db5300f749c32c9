import { Command } from 'commander';
import { packageVersion } from '../config.js';
import type { Runtime } from './command.js';
import { backup } from './commands/backup.js';
import { bench } from './commands/bench.js';
import { book } from './commands/book.js';
import { capital } from './commands/capital.js';
import { connections } from './commands/connections.js';
import { correct } from './commands/correct.js';
import { halt, resume } from './commands/halt.js';
import { importCommand } from './commands/import.js';
import { limits } from './commands/limits.js';
import { migrate } from './commands/migrate.js';
import { quarantine } from './commands/quarantine.js';
import { reads } from './commands/reads.js';
import { replay } from './commands/replay.js';
import { reservations } from './commands/reservations.js';
import { restore } from './commands/restore.js';
import { retention } from './commands/retention.js';
import { roles } from './commands/roles.js';
import { schema } from './commands/schema.js';
import { service } from './commands/service.js';
import { status } from './commands/status.js';
import { stop } from './commands/stop.js';
import { testData } from './commands/test-data.js';
import { up } from './commands/up.js';
import { verify } from './commands/verify.js';
import { why } from './commands/why.js';
import { exitCodesText } from './help.js';
import { addGlobalOptions } from './options.js';

const COMMANDS = [
  up,
  status,
  stop,
  replay,
  importCommand,
  reads,
  why,
  limits,
  capital,
  halt,
  resume,
  reservations,
  verify,
  correct,
  quarantine,
  retention,
  backup,
  restore,
  migrate,
  schema,
  book,
  roles,
  testData,
  service,
  connections,
  bench,
];

export function buildProgram(runtime: Runtime): Command {
  const program = new Command('claire');
  program
    .description('The system of record for trading services on PostgreSQL.')
    .version(packageVersion())
    .addHelpText('after', '\nStart with `claire up --demo`; `claire COMMAND --help` has examples.');
  addGlobalOptions(program);
  for (const add of COMMANDS) add(program, runtime);
  forEach(program, (command) => {
    // Errors are thrown to main, which says them in the one style of every command.
    command.exitOverride().configureOutput({ writeErr: () => {} });
    command.configureHelp({ showGlobalOptions: true, sortSubcommands: false });
    if (command.commands.length === 0 || command === program) command.addHelpText('after', exitCodesText());
    command.helpCommand(false);
  });
  return program;
}

function forEach(command: Command, work: (command: Command) => void): void {
  work(command);
  for (const child of command.commands) forEach(child, work);
}
