import { ClaireError } from '../../errors/index.js';
import { findBuild, preparePrograms } from './build.js';
import type { Layout, Place } from './directory.js';
import { DATABASE, HOST, type Login, type Passwords } from './logins.js';
import { run } from './programs.js';
import { inspect } from './running.js';

/** A running embedded server. */
export interface EmbeddedServer {
  readonly dataDir: string;
  readonly port: number;
  /** Major version of PostgreSQL. */
  readonly major: number;
  readonly host: typeof HOST;
  readonly database: typeof DATABASE;
  /** True when the server was already running when we came. */
  readonly found: boolean;
  /** File in the format of libpq's pgpass, mode 0600. */
  readonly passfile: string;
  password(login: Login): string;
  /** Connection string of libpq; with `showSecrets` it holds the password instead of naming the file. */
  url(login: Login, options?: { showSecrets?: boolean }): string;
  /** Fast shutdown, ended when this resolves; also where the server has ended before. Refuses with `embedded_stop_failed`. */
  stop(): Promise<void>;
}

interface HandleParts {
  layout: Layout;
  place: Place;
  port: number;
  major: number;
  passwords: Passwords;
  isFound: boolean;
  binaries?: string | undefined;
}

export function serverHandle(parts: HandleParts): EmbeddedServer {
  const { layout, port, major, passwords } = parts;
  const address = `${HOST}:${port}/${DATABASE}`;
  return {
    dataDir: layout.dataDir,
    port,
    major,
    host: HOST,
    database: DATABASE,
    found: parts.isFound,
    passfile: layout.passfile,
    password: (login) => passwords[login],
    url: (login, options) =>
      options?.showSecrets
        ? `postgresql://${login}:${passwords[login]}@${address}`
        : `postgresql://${login}@${address}?passfile=${encodeURIComponent(layout.passfile)}`,
    stop: () => stop(parts),
  };
}

async function stop({ layout, place, passwords, binaries }: HandleParts): Promise<void> {
  const { cluster, account } = place;
  // The passwords of the handle: the pgpass file may be gone by now.
  const isGone = async () => (await inspect(cluster, layout.passfile, passwords)).state === 'none';
  // pg_ctl signals whatever process the pid file names: only a server of this cluster may get that far.
  if (await isGone()) return;
  const programs = await preparePrograms(await findBuild(binaries), account);
  const stopped = await run(
    programs.path('pg_ctl'),
    ['stop', '-D', cluster, '-m', 'fast', '-w', '-t', '60'],
    {
      account,
      environment: programs.environment,
    },
  );
  if (stopped.ok || (await isGone())) return;
  throw new ClaireError('embedded_stop_failed', { found: stopped.text });
}
