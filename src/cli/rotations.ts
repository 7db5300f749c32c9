import { setTimeout as sleep } from 'node:timers/promises';
import { newPassword } from '../database/embedded/index.js';
import { type Database, LOGIN_ROLES } from '../database/index.js';
import { endRotation, LATEST_VERSION, listBooks, rolesOf, rotationOf } from '../schema/index.js';
import { type Credentials, credentialsOf } from './credentials.js';
import type { Place } from './session.js';

/** How soon who reads the pgpass file is let in again under a name whose old password has ended by itself. */
const LOOK_MS = 60_000;

/** Finishes the rotations of a book whose old password has ended by itself. Gives the roles. */
export async function finishRotations(
  admin: Database,
  credentials: Credentials,
  book: string,
): Promise<string[]> {
  const { roles } = await rolesOf(admin, book);
  const there = LOGIN_ROLES.filter((login) => roles.some(({ role, exists }) => role === login && exists));
  const finished: string[] = [];
  for (const role of there) {
    const { ending } = await rotationOf(admin, book, role);
    if (!ending?.is_over) continue;
    await credentials.change((keep) => endRotation(admin, book, role, { password: newPassword(), keep }));
    finished.push(role);
  }
  return finished;
}

/** The same for every book of the embedded server, again and again until the signal. */
export async function keepFinishingRotations(
  place: Place,
  { signal, onError }: { signal: AbortSignal; onError: (error: unknown) => void },
): Promise<void> {
  const admin = place.database('postgres');
  const credentials = credentialsOf(place, place.server!.passfile);
  while (!signal.aborted) {
    try {
      const books = (await listBooks(admin)).filter(({ version }) => version === LATEST_VERSION);
      for (const { book } of books) await finishRotations(admin, credentials, book);
    } catch (error) {
      onError(error);
    }
    await sleep(LOOK_MS, undefined, { signal }).catch(() => {});
  }
}
