import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { childEnvironment } from '../../config.js';

/** The account a program runs under; undefined: the one that runs us. */
export type Account = { readonly uid: number; readonly gid: number } | undefined;

export interface Outcome {
  readonly ok: boolean;
  /** Both outputs, or why the program could not be started. */
  readonly text: string;
}

export interface RunOptions {
  account?: Account;
  environment?: Record<string, string>;
  input?: string;
}

/** Options of spawn() for an account; Node drops the supplementary groups together with the uid. */
export const underAccount = (account: Account, environment: Record<string, string> = {}) => ({
  // English messages, whatever the user's language: they end up in our errors.
  env: { ...childEnvironment(), LC_ALL: 'C', ...environment },
  ...(account ? { uid: account.uid, gid: account.gid } : {}),
  windowsHide: true,
});

/** Runs a program to its end. Never rejects: a program that cannot be started is an outcome as well. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    let text = '';
    const failed = (error: Error) => resolve({ ok: false, text: `${program}: ${error.message}` });
    const child = spawn(program, args, {
      ...underAccount(options.account, options.environment),
      // Our own directory may be closed to the account, and initdb wants to come back to where it began.
      cwd: dirname(program),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    child.on('error', failed);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
    }
    child.stdin.on('error', () => {}); // A program that ends without reading its input is no error of ours.
    child.stdin.end(options.input ?? '');
    child.on('close', (code) => resolve({ ok: code === 0, text: text.trim() }));
  });
}

/** Whether the account reaches a directory. Asked of the kernel under that account: mode bits do not tell about ACLs. */
export async function reaches(account: Account, directory: string): Promise<boolean> {
  if (!account) return true;
  return (await run('/bin/sh', ['-c', 'test -x "$1"', 'sh', directory], { account })).ok;
}

/** The account for a new cluster: PostgreSQL refuses root, and a uid without a passwd entry. */
export async function unprivilegedAccount(): Promise<Account> {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = await Promise.all([
      run('/usr/bin/id', ['-u', name]),
      run('/usr/bin/id', ['-g', name]),
    ]);
    if (uid.ok && gid.ok && Number(uid.text) > 0) return { uid: Number(uid.text), gid: Number(gid.text) };
  }
  return undefined;
}
