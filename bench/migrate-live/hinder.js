/** Two sessions that a live database always has: one that has looked at it long ago, one that reads a table at leisure. */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from './place.js';

/** The snapshot stays twice as long: a migration meets it only where it no longer waits for the table. */
const SESSIONS = {
  'bench table lock': { statements: ['begin', 'lock table trades in access share mode'], times: 1 },
  'bench old snapshot': { statements: ['begin isolation level repeatable read', 'select 1'], times: 2 },
};

/** Both sessions stand when this resolves, and end by themselves; gives their process ids and their end. */
export async function hinder(url, seconds, undo) {
  const sessions = [];
  for (const [name, { statements, times }] of Object.entries(SESSIONS)) {
    const client = await connect(url, name);
    undo.add(() => client.end());
    for (const statement of statements) await client.query(statement);
    sessions.push({ name, pid: client.processID, client, seconds: seconds * times });
  }
  const ended = Promise.all(
    sessions.map(async ({ client, seconds }) => {
      await sleep(seconds * 1000, undefined, { ref: false });
      await client.query('commit').catch(() => {});
      await client.end();
    }),
  );
  ended.catch(() => {});
  return { sessions: sessions.map(({ client, ...session }) => session), ended };
}

/** Lines of the migration that name one of the sessions, by process id or by name. */
export const linesNaming = (steps, { name, pid }) =>
  steps
    .map(({ text }) => text)
    .filter((text) => text.includes(name) || new RegExp(`\\b${pid}\\b`).test(text));
