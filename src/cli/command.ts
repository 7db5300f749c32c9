import { type Command, Option } from 'commander';
import type { ExitCode } from '../errors/index.js';
import { type GlobalOptions, readGlobalOptions } from './options.js';
import { Printer } from './print.js';

/** What one run of a command was given. */
export interface Invocation {
  globals: GlobalOptions;
  /** Arguments as given; a variadic one takes all that is left. */
  args: string[];
  /** The command's own options, by their camelCase names. */
  options: Record<string, unknown>;
  out: Printer;
  /** Aborted by Ctrl-C and by SIGTERM. */
  signal: AbortSignal;
}

export interface CommandSpec {
  /** Name and arguments as commander reads them: `replay <files...>`. */
  usage: string;
  summary: string;
  /** More than the summary, for the command's own help. */
  details?: string;
  options?: Option[];
  /** What comes after `claire`, each with what it does. */
  examples: readonly (readonly [command: string, meaning: string])[];
  /** The exit code, 0 where it gives none. */
  run(invocation: Invocation): Promise<ExitCode | undefined>;
}

/** What the program gives to commands, and takes back. */
export interface Runtime {
  signal: AbortSignal;
  finish(code: ExitCode): void;
}

export type AddCommand = (parent: Command, runtime: Runtime) => void;

export const option = (flags: string, description: string): Option => new Option(flags, description);

/** A command as data, made into one of commander's, which is given back for commands below it. */
export const defineCommand =
  (spec: CommandSpec) =>
  (parent: Command, runtime: Runtime): Command => {
    const command = parent.command(spec.usage).summary(spec.summary);
    command.description(spec.details ? `${spec.summary}\n\n${spec.details}` : spec.summary);
    for (const each of spec.options ?? []) command.addOption(each);
    command.addHelpText('after', examplesText(spec.examples));
    command.action(async () => {
      const globals = readGlobalOptions(rootOf(command));
      const code = await spec.run({
        globals,
        args: [...command.args],
        options: command.opts(),
        out: new Printer(globals.json),
        signal: runtime.signal,
      });
      runtime.finish(code ?? 0);
    });
    return command;
  };

function examplesText(examples: CommandSpec['examples']): string {
  const width = Math.max(...examples.map(([command]) => command.length));
  const lines = examples.map(([command, meaning]) => `  claire ${command.padEnd(width)}  ${meaning}`);
  return `\nExamples:\n${lines.join('\n')}\n`;
}

const rootOf = (command: Command): Command => (command.parent ? rootOf(command.parent) : command);
