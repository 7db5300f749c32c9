import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { afterwards, isLinux, repository } from './embedded-ground.js';

export const hasTerminal = isLinux && spawnSync('script', ['--version']).status === 0;

/** The command on a terminal, where somebody answers its first question. */
export async function onTerminal(
  question: string,
  typed: string,
  ...args: string[]
): Promise<{ code: number | null; text: string }> {
  const command = [process.execPath, 'bin/claire.js', ...args].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qec', command, '/dev/null'], { cwd: repository });
  afterwards(() => child.kill('SIGKILL'));
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    const asked = text.includes(question);
    text += part;
    if (!asked && text.includes(question)) child.stdin.write(`${typed}\n`);
  });
  const [code] = await once(child, 'close');
  return { code, text };
}
