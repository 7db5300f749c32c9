import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Material beside the checkout, there for the project's own tests and in CI, not for users. */
export const shared = (path: string): string =>
  fileURLToPath(new URL(`../../../shared/${path}`, import.meta.url));

const seed = shared('spec/seed.md');
export const hasSeed = existsSync(seed);

/** The SQL of the seed, block by block, exactly as it is written there, by a piece of text that it contains. */
export function seedBlock(containing: string): string {
  const blocks = [...readFileSync(seed, 'utf8').matchAll(/```sql\n([\s\S]*?)```/g)].map((match) => match[1]!);
  const found = blocks.filter((block) => block.includes(containing));
  if (found.length === 0) throw new Error(`the seed has no SQL with ${containing}`);
  return found[0]!;
}

/** Prints why tests are skipped; a skip without a reason is not one. */
export function needsSeed(): boolean {
  if (!hasSeed) process.stderr.write('Skipped: the seed document is not beside this checkout.\n');
  return hasSeed;
}
