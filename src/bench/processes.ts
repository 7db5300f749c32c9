import { readdir, readFile } from 'node:fs/promises';

/** A process and its children, from Linux's /proc; elsewhere only the process. */
export async function familyOf(pid: number): Promise<number[]> {
  const names = await readdir('/proc').catch(() => []);
  const processes = await Promise.all(
    names
      .filter((name) => /^\d+$/.test(name))
      .map(async (name) => ({ pid: Number(name), parent: await parentOf(name) })),
  );
  return [pid, ...processes.filter(({ parent }) => parent === pid).map((child) => child.pid)];
}

async function parentOf(pid: string): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name stands in parentheses and may hold any character.
  return Number(/^\d+ \(.*\) \S (\d+)/s.exec(stat)?.[1]);
}

/**
 * Memory in bytes with each shared page counted once, divided among those who use it: PostgreSQL's processes share
 * their buffers, so the sum of what each holds would count them many times. Undefined where the system does not tell.
 */
export async function proportionalMemory(pids: readonly number[]): Promise<number | undefined> {
  let bytes = 0;
  for (const pid of pids) {
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
    const kilobytes = /^Pss: +(\d+) kB$/m.exec(rollup)?.[1];
    if (kilobytes === undefined) return undefined;
    bytes += Number(kilobytes) * 1024;
  }
  return bytes;
}
