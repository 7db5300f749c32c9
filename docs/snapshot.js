/**
 * Makes sql/schema.snapshot.sql: the schema that the migrations result in, as a server of its own writes it. Run:
 * npm run docs. A test holds the file to the migrations.
 */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbedded } from '../dist/database/embedded/index.js';
import { Database } from '../dist/database/index.js';
import { expectedCatalog, LATEST_VERSION, snapshotText } from '../dist/schema/index.js';

const directory = await mkdtemp(join(tmpdir(), 'claire-snapshot-'));
// The account that the server runs under must pass through.
await chmod(directory, 0o755);
try {
  const server = await startEmbedded({ dataDir: join(directory, 'data'), settings: { fsync: 'off' } });
  const databaseUrl = server.url('postgres', { showSecrets: true });
  const database = new Database({ databaseUrl, applicationName: 'snapshot' });
  try {
    const text = snapshotText(await expectedCatalog(database, LATEST_VERSION));
    await writeFile(new URL('../sql/schema.snapshot.sql', import.meta.url), text);
  } finally {
    await database.close();
    await server.stop();
  }
} finally {
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
}
