import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Diagnosis } from '../../src/doctor/index.js';
import type { Fixture } from '../harness/book.js';

const run = promisify(execFile);

/** Runs the command of a diagnosis as it would be pasted, on the test's own database; what it prints. */
export async function paste(
  { url }: Pick<Fixture, 'url'>,
  { check, remedy }: Diagnosis,
  ...more: string[]
): Promise<string> {
  if (!remedy || !('command' in remedy)) throw new Error(`${check} has no command to paste`);
  const [program, ...words] = remedy.command.split(' ');
  if (program !== 'claire') throw new Error(`${remedy.command} is none of Claire's commands`);
  const { stdout } = await run(process.execPath, ['bin/claire.js', ...words, '--database-url', url, ...more]);
  return stdout;
}
