import { describe, expect, test } from 'vitest';
import { Database } from '../../src/database/index.js';
import type { ConnectionsReport } from '../../src/doctor/index.js';
import { connect } from '../../src/index.js';
import { migrate } from '../../src/schema/index.js';
import { claire, json } from './cli-run.js';
import { type DoorServer, type Ground, PASSWORD, startServer, useGround } from './doors-ground.js';
import { needs } from './embedded-ground.js';

describe.skipIf(!needs(process.platform !== 'win32', 'Unix sockets'))(
  'a server on a Unix socket only',
  () => {
    let ground: Ground;
    let server: DoorServer;
    useGround(async (made) => {
      ground = made;
      server = await startServer(ground, {
        settings: { listen_addresses: '' },
        hba: ['local all all scram-sha-256'],
      });
    });

    const forms = (login: string) => {
      const { socket, port } = server;
      return [
        `postgresql://${login}@/postgres?host=${socket}&port=${port}`,
        `postgresql://${login}@${encodeURIComponent(socket)}:${port}/postgres`,
      ];
    };

    test('is reached by every form that libpq knows, with the password from a passfile', async () => {
      const { socket, port } = server;
      const passfile = await ground.write('pass', `${socket}:${port}:*:postgres:${PASSWORD}\n`);
      const asked = [
        ...forms(`postgres:${PASSWORD}`),
        ...forms('postgres').map((url) => `${url}${url.includes('?') ? '&' : '?'}passfile=${passfile}`),
        `postgresql:///postgres?host=${socket}&port=${port}&user=postgres&password=${PASSWORD}&sslmode=verify-full`,
      ];
      for (const databaseUrl of asked) {
        const database = new Database({ databaseUrl, applicationName: 'tests', connections: 1 });
        const [row] = await database.query('select inet_client_addr() as address, current_user as name');
        expect(row, databaseUrl).toEqual({ address: null, name: 'postgres' });
        await database.close();
      }
    });

    test('holds a book, for the library and for the command', async () => {
      const [databaseUrl] = forms(`postgres:${PASSWORD}`);
      const database = new Database({ databaseUrl: databaseUrl!, applicationName: 'tests' });
      await migrate(database, 'main');
      await database.close();
      const desk = await connect({ service: 'tests', databaseUrl: databaseUrl! });
      expect(await desk.positions()).toEqual([]);
      await desk.close();
      const { code, stdout } = await claire('status', '--json', '--database-url', databaseUrl!);
      expect({ code, text: stdout }).toMatchObject({ code: 0, text: expect.not.stringContaining(PASSWORD) });
      expect(JSON.parse(stdout)).toMatchObject({
        server: { url: expect.stringContaining(`postgres:***@/postgres?host=${ground.directory}`) },
      });
    });

    test('tells who is connected, without an address to tell them by', async () => {
      const [databaseUrl] = forms(`postgres:${PASSWORD}`);
      const report = await json<ConnectionsReport>('connections', '--database-url', databaseUrl!);
      expect(report.groups).toContainEqual(
        expect.objectContaining({ application: 'claire', role: 'postgres', superuser: true, active: 1 }),
      );
      expect(report.missing[0]).toMatch(
        /^Book main has no signal_engine, .* another login .* `claire roles apply`/,
      );
    });

    test('is not there at another port, which is said with the path of the socket', async () => {
      const databaseUrl = `postgresql://postgres@/postgres?host=${server.socket}&port=1`;
      const database = new Database({ databaseUrl, applicationName: 'tests' });
      await expect(database.query('select 1')).rejects.toMatchObject({
        code: 'database_unreachable',
        message: expect.stringContaining(`${server.socket}/.s.PGSQL.1`),
      });
      await database.close();
    });
  },
);
