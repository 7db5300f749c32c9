import { existsSync } from 'node:fs';
import { cp, open, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { archiveNow, type Listed, listBackups, readKey, verifyBackup } from '../../src/backup/index.js';
import { Database } from '../../src/database/index.js';
import { ClaireError } from '../../src/errors/index.js';
import { refusal } from '../harness/book.js';
import { useEmbedded } from './embedded-ground.js';
import {
  admin,
  adminUrl,
  backupsDirectory,
  idsIn,
  idsOf,
  record,
  sweeping,
  takePhysical,
} from './physical-ground.js';

const desk = useEmbedded({ book: 'main', archives: true, settings: { fsync: 'off' } });

test('a physical backup is the whole server, found again and verified by restoring it', async () => {
  const backups = await backupsDirectory();
  const database = admin(desk.server);
  await record(database, 3);
  const taken = await takePhysical(adminUrl(desk.server), backups);
  const [listed] = await listBackups(backups);
  expect(listed).toEqual(taken);
  await record(database, 1);
  const { ids, problems } = await idsOf(listed!);
  expect(problems).toEqual([]);
  expect(ids).toEqual((await idsIn(database)).slice(0, -1));
  expect(await verifyBackup(listed!, {})).toMatchObject({ ok: true, problems: [], server: 18 });
});
