import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Surroundings } from '../doctor/index.js';
import { backupStatusOf } from './backup-status.js';
import { backupSettings } from './backups.js';
import type { Invocation } from './command.js';
import type { Place } from './session.js';

/** What the doctor cannot ask the database: the directory of backups, and the disk of the embedded server. */
export function surroundingsOf(
  invocation: Invocation,
  { server }: Place,
  book = invocation.globals.book,
): Surroundings {
  return {
    backups: async (session) => backupStatusOf((await backupSettings(invocation)).backups, book, session),
    ...(server
      ? {
          disk: async () => {
            // The cluster may lie elsewhere, and this be a link to it.
            const { bavail, blocks, bsize } = await statfs(join(server.dataDir, 'postgres'));
            return { directory: server.dataDir, free_bytes: bavail * bsize, total_bytes: blocks * bsize };
          },
        }
      : {}),
  };
}
