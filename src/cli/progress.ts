import { grouped } from './print.js';

/** A bar on standard error that a person watches; nothing at all in a pipe, a log, or a test. */
export interface Progress {
  /** `note` says what is being done, in a few words. */
  update(done: number, total: number | undefined, note?: string): void;
  /** Takes the bar away, so that the answer stands alone. */
  end(): void;
}

const BAR = 30;
/** Ten pictures a second look like a movement; more only cost. */
const EVERY_MS = 100;

export function progress(label: string, stream: NodeJS.WriteStream = process.stderr): Progress {
  if (!stream.isTTY) return { update() {}, end() {} };
  let drawn = 0;
  return {
    update(done, total, note = '') {
      const now = Date.now();
      if (now - drawn < EVERY_MS && done !== total) return;
      drawn = now;
      const line = `${label} ${picture(done, total)} ${note}`;
      stream.write(`\r\x1b[K${line.slice(0, Math.max(20, stream.columns - 1))}`);
    },
    end() {
      if (drawn > 0) stream.write('\r\x1b[K');
      drawn = 0;
    },
  };
}

function picture(done: number, total: number | undefined): string {
  const count = grouped(done);
  if (!total) return count;
  const share = Math.min(1, done / total);
  const filled = Math.round(share * BAR);
  const percent = String(Math.floor(share * 100)).padStart(3);
  return `[${'#'.repeat(filled)}${'.'.repeat(BAR - filled)}] ${percent} %`;
}
