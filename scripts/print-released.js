/**
 * Prints what sql/released.txt holds: the hash and the name of every migration. Run when a version is released:
 *
 *     npm run build && node scripts/print-released.js > sql/released.txt
 */
import { readMigrations } from '../dist/schema/index.js';

for (const { hash, name } of await readMigrations()) process.stdout.write(`${hash} ${name}\n`);
