import { ClaireError, EXIT, type ExitCode } from '../errors/index.js';
import { listenForInterrupts } from './interrupt.js';
import { buildProgram } from './program.js';
import { reportError } from './report-error.js';

/** Runs the command line. The only place that decides how the process ends. */
export async function main(args: string[]): Promise<void> {
  // A reader that has seen enough (`| head`) is no error; the work is still finished, the server left as it was found.
  for (const stream of [process.stdout, process.stderr]) {
    if (!stream.listeners('error').includes(onOutputError)) stream.on('error', onOutputError);
  }
  const signal = listenForInterrupts(() => process.exit(EXIT.interrupted));
  const finish = (code: ExitCode) => {
    process.exitCode = code;
  };
  const style = { json: args.includes('--json'), debug: args.includes('--debug') };
  // Node would exit with 1, which says that a law is broken.
  process.on('uncaughtException', (error) => process.exit(reportError(error, style)));
  try {
    const program = await buildProgram({ signal, finish }, args);
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    process.exitCode = reportError(error, style);
  }
}

function onOutputError(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE')
    throw new ClaireError('output_failed', { found: `${error.code}.`, cause: error });
}
