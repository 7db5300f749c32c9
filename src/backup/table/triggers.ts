import { identifier } from '../../database/index.js';
import type { Staged } from './stage.js';

/** By what pg_trigger says of one. */
export const SET_TRIGGER: Readonly<Record<string, string>> = {
  D: 'disable trigger',
  O: 'enable trigger',
  A: 'enable always trigger',
  R: 'enable replica trigger',
};

/**
 * Runs work while the triggers rest that judge new rows and add up what follows from them. An old order is not judged by
 * today's limits, and a profit of last week does not halt today's trading. All other triggers, and the keys, are in force.
 * The table is locked: nobody else's row passes meanwhile.
 */
export async function withTriggersResting(
  { session, live, table }: Staged,
  work: () => Promise<void>,
): Promise<void> {
  const found = await session.query<{ name: string; state: string }>(
    `select tgname::text as name, tgenabled::text as state from pg_trigger
     where tgrelid = $1::regclass and tgname = any ($2) and tgenabled <> 'D'`,
    [live, table.resting],
  );
  for (const { name } of found)
    await session.query(`alter table ${live} disable trigger ${identifier(name)}`);
  await work();
  for (const { name, state } of found) {
    await session.query(`alter table ${live} ${SET_TRIGGER[state]} ${identifier(name)}`);
  }
}
