import { Command } from 'commander';
import { packageVersion } from '../config.js';
import type { AddCommand, Runtime } from './command.js';
import { exitCodesText } from './help.js';
import { addGlobalOptions } from './options.js';

interface Listed {
  /** The word after `claire`; the reads have theirs from the registry of operations. */
  name?: string;
  load(): Promise<AddCommand>;
}

const loadReads = () => import('./commands/reads.js');

/**
 * In the order of the help. Only what was called is loaded: all of them together are 400 modules, which take longer to
 * read than most commands take to answer.
 */
const COMMANDS: readonly Listed[] = [
  { name: 'up', load: async () => (await import('./commands/up.js')).up },
  { name: 'status', load: async () => (await import('./commands/status.js')).status },
  { name: 'doctor', load: async () => (await import('./commands/doctor.js')).doctor },
  { name: 'stop', load: async () => (await import('./commands/stop.js')).stop },
  { name: 'replay', load: async () => (await import('./commands/replay.js')).replay },
  { name: 'import', load: async () => (await import('./commands/import.js')).importCommand },
  { load: async () => (await loadReads()).reads },
  { name: 'why', load: async () => (await import('./commands/why.js')).why },
  { name: 'limits', load: async () => (await import('./commands/limits.js')).limits },
  { name: 'capital', load: async () => (await import('./commands/capital.js')).capital },
  { name: 'halt', load: async () => (await import('./commands/halt.js')).halt },
  { name: 'resume', load: async () => (await import('./commands/halt.js')).resume },
  { name: 'reservations', load: async () => (await import('./commands/reservations.js')).reservations },
  { name: 'verify', load: async () => (await import('./commands/verify.js')).verify },
  { name: 'correct', load: async () => (await import('./commands/correct.js')).correct },
  { name: 'quarantine', load: async () => (await import('./commands/quarantine.js')).quarantine },
  { name: 'retention', load: async () => (await import('./commands/retention.js')).retention },
  { name: 'backup', load: async () => (await import('./commands/backup.js')).backup },
  { name: 'restore', load: async () => (await import('./commands/restore.js')).restore },
  { name: 'migrate', load: async () => (await import('./commands/migrate.js')).migrate },
  { name: 'schema', load: async () => (await import('./commands/schema.js')).schema },
  { name: 'book', load: async () => (await import('./commands/book.js')).book },
  { name: 'roles', load: async () => (await import('./commands/roles.js')).roles },
  { name: 'tokens', load: async () => (await import('./commands/tokens.js')).tokens },
  { name: 'test-data', load: async () => (await import('./commands/test-data.js')).testData },
  { name: 'service', load: async () => (await import('./commands/service.js')).service },
  { name: 'connections', load: async () => (await import('./commands/connections.js')).connections },
  { name: 'queries', load: async () => (await import('./commands/queries.js')).queries },
  { name: 'bench', load: async () => (await import('./commands/bench.js')).bench },
];

/** The program with the command that these arguments call; with every one where they call none, or one that is not there. */
export async function buildProgram(runtime: Runtime, args: readonly string[]): Promise<Command> {
  const program = new Command('claire');
  program
    .description('The system of record for trading services on PostgreSQL.')
    .version(packageVersion())
    .addHelpText('after', '\nStart with `claire up --demo`; `claire COMMAND --help` has examples.');
  addGlobalOptions(program);
  for (const add of await called(args)) add(program, runtime);
  forEach(program, (command) => {
    // Errors are thrown to main, which says them in the one style of every command.
    command.exitOverride().configureOutput({ writeErr: () => {} });
    command.configureHelp({ showGlobalOptions: true, sortSubcommands: false });
    if (command.commands.length === 0 || command === program) command.addHelpText('after', exitCodesText());
    command.helpCommand(false);
  });
  return program;
}

async function called(args: readonly string[]): Promise<AddCommand[]> {
  if (args[0] === '--version' || args[0] === '-V') return [];
  const word = commandWord(args);
  const own = COMMANDS.find(({ name }) => name !== undefined && name === word);
  if (own) return [await own.load()];
  if (word !== undefined) {
    const { READS, reads } = await loadReads();
    if (READS.has(word)) return [reads];
  }
  return Promise.all(COMMANDS.map(({ load }) => load()));
}

/** The first word that is neither an option nor the value of one that every command understands. */
function commandWord(args: readonly string[]): string | undefined {
  const reader = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  addGlobalOptions(reader);
  try {
    return reader.parseOptions([...args]).operands[0];
  } catch {
    // The program itself will say what is wrong.
    return undefined;
  }
}

function forEach(command: Command, work: (command: Command) => void): void {
  work(command);
  for (const child of command.commands) forEach(child, work);
}
