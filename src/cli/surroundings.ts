import { statfs } from 'node:fs/promises';
import type { Surroundings } from '../doctor/index.js';
import { backupStatus } from './backup-status.js';
import type { Invocation } from './command.js';
import type { Place } from './session.js';

/** What the doctor cannot ask the database: the directory of backups, and the disk of the embedded server. */
export function surroundingsOf(invocation: Invocation, { server }: Place): Surroundings {
  return {
    backups: (session) => backupStatus(invocation, session),
    ...(server
      ? {
          disk: async () => {
            const { bavail, blocks, bsize } = await statfs(server.dataDir);
            return { directory: server.dataDir, free_bytes: bavail * bsize, total_bytes: blocks * bsize };
          },
        }
      : {}),
  };
}
