import { readMigrations } from './files.js';

const CREATED = /create (?:unique )?index (?:concurrently )?(?:if not exists )?(\w+)/g;

/** Names of the indexes that migrations make, beside those of constraints. */
export async function releasedIndexes(): Promise<ReadonlySet<string>> {
  const migrations = await readMigrations();
  const statements = migrations.flatMap(({ steps }) => steps.flatMap((step) => step.statements));
  return new Set(statements.flatMap((text) => [...text.matchAll(CREATED)].map(([, name]) => name!)));
}
