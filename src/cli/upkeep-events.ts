import { ClaireError } from '../errors/index.js';
import type { Log } from '../log/index.js';
import type { TaskRun } from '../upkeep/index.js';

/** Tells the log of the upkeep: of a task once when it begins to fail and once when it succeeds again. */
export function upkeepEvents(log: Log) {
  const failing = new Set<string>();
  const told = new WeakSet<object>();
  return {
    onRun({ task, book, ok, took_ms, error }: TaskRun): void {
      const key = `${book} ${task}`;
      const of = { book, job: task, took_ms: Math.round(took_ms) };
      if (typeof error === 'object' && error !== null) told.add(error);
      if (!ok && !failing.has(key)) log.tell('job_failed', { ...of, error });
      if (ok && failing.has(key)) log.tell('job_recovered', of);
      if (ok && task === 'retention') log.tell('retention_ran', { book, took_ms: of.took_ms });
      if (ok) failing.delete(key);
      else failing.add(key);
    },
    /** Of the rest; that the server is gone is told where the command ends. */
    onError(error: unknown): void {
      const isLost = error instanceof ClaireError && error.code === 'database_unreachable';
      if (!isLost && !told.has(error as object)) log.tell('upkeep_failed', { error });
    },
  };
}
