import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClaireError } from '../../errors/index.js';
import { alone } from './alone.js';
import { archiving } from './archiving.js';
import { bootstrap } from './bootstrap.js';
import { type Build, findBuild, type Programs, preparePrograms } from './build.js';
import { completeSettings, createCluster, readMarker, resetSuperuser } from './cluster.js';
import {
  asUnusable,
  clusterMajor,
  type Layout,
  layoutOf,
  type Place,
  placeOf,
  preparePlace,
} from './directory.js';
import { type EmbeddedServer, serverHandle } from './handle.js';
import { type Launched, launch } from './launch.js';
import { LOGINS, type Passwords } from './logins.js';
import { completed, fingerprint, firstPasswords, isCurrent, rewritePasswords } from './passwords.js';
import { choosePort, isFree } from './ports.js';
import { inspect, type Running, settled } from './running.js';
import { keepServer, keptPort } from './server-file.js';

export interface EmbeddedOptions {
  /** Directory of the server's data; made where it is not there. */
  dataDir: string;
  /** Only if the user asked for one. */
  port?: number;
  /** Directory with bin/, lib/ and share/ of another PostgreSQL build. */
  binaries?: string;
  /** Told in a sentence what the user should know. */
  onNotice?: (sentence: string) => void;
  /** Settings of the server beyond ours; port and addresses stay ours. */
  settings?: Record<string, string>;
  /** Whether it archives its log into the spool, from where somebody must take it. */
  archives?: boolean;
}

/** A server that recovers may be silent for a minute; one that ends holds its memory for 0.5-1.5 s after SIGKILL. */
const BUSY_WAIT_MS = 60_000;
const RETRY_MS = 10_000;
/** How long a port that was asked for must be another program's. */
const PORT_WAIT_MS = 1000;
/** A race of two starts can fail once without a trace; more often it is the configuration. */
const TRACELESS_FAILURES = 3;

type Ours = Extract<Running, { state: 'ours' }>;

interface Start {
  options: EmbeddedOptions;
  layout: Layout;
  build: Build;
  place: Place;
  kept: number | undefined;
  /** Ports that were taken between our look and the server's. */
  tried: Set<number>;
  programs?: Programs;
  firstFailure?: number;
  failures: number;
}

/**
 * Starts the embedded server of a data directory, or adopts the one that runs. It outlives this process.
 * Refuses with `embedded_…` errors of the catalogue.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer> {
  try {
    const layout = layoutOf(options.dataDir);
    const build = await findBuild(options.binaries);
    await refuseOtherMajor(layout, build);
    const place = await preparePlace(layout);
    const start: Start = {
      options,
      layout,
      build,
      place,
      kept: await keptPort(layout.serverFile),
      tried: new Set(),
      failures: 0,
    };
    const { server, isFound } = await bringUp(start);
    tellPort(start, server, isFound);
    return await finish(layout, place, server, build.major, isFound, options.binaries);
  } catch (error) {
    throw asUnusable(error);
  }
}

/** The running server of a data directory; undefined where none runs. Starts none. */
export async function findEmbedded(dataDir: string): Promise<EmbeddedServer | undefined> {
  try {
    const layout = layoutOf(dataDir);
    const major = await clusterMajor(layout);
    const place = major === undefined ? undefined : await placeOf(layout);
    if (major === undefined || !place) return undefined;
    const server = await settled(place.cluster, layout.passfile, RETRY_MS);
    return server.state === 'ours' ? await finish(layout, place, server, major, true) : undefined;
  } catch (error) {
    throw asUnusable(error);
  }
}

async function refuseOtherMajor(layout: Layout, build: Build): Promise<void> {
  const major = await clusterMajor(layout);
  if (major === undefined || major === build.major) return;
  throw new ClaireError('embedded_version_mismatch', {
    found: `${layout.entry} is of PostgreSQL ${major}, this is PostgreSQL ${build.major}.`,
    details: { found_major: major, own_major: build.major },
  });
}

/** What is the same after a start and after an adoption, and finishes what a killed start left open. */
async function finish(
  layout: Layout,
  place: Place,
  server: Ours,
  major: number,
  isFound: boolean,
  binaries?: string,
): Promise<EmbeddedServer> {
  const passwords = await currentPasswords(layout.passfile, server.port);
  await bootstrap(place.cluster, place.account, server.port, passwords);
  await keepServer(layout.serverFile, { port: server.port, major });
  return serverHandle({ layout, place, port: server.port, major, passwords, isFound, binaries });
}

/** Makes the pgpass file say what is so: a password for every login of `main`, kept where there is one, and this port. */
async function currentPasswords(passfile: string, port: number): Promise<Passwords> {
  const known = await firstPasswords(passfile, port);
  if (await isCurrent(passfile, port)) return known;
  return alone({ port, password: known.postgres }, () =>
    rewritePasswords(passfile, port, (now) => completed({ postgres: known.postgres, ...now }, LOGINS)),
  );
}

function tellPort({ options, kept }: Start, { port }: Ours, isFound: boolean): void {
  const notice = options.onNotice ?? (() => {});
  if (isFound && options.port !== undefined && options.port !== port) {
    notice(`The embedded server runs already, on port ${port}: port ${options.port} was not used.`);
  }
  if (!isFound && options.port === undefined && kept !== undefined && kept !== port) {
    notice(
      `Another program uses port ${kept}, so the embedded server now listens on port ${port}: ` +
        'connection strings that name the old port must be changed.',
    );
  }
}

/** Looks, and starts where nothing runs, until a server of this directory answers: ours or another start's. */
async function bringUp(start: Start): Promise<{ server: Ours; isFound: boolean }> {
  const { place, layout } = start;
  let launchedPid: number | undefined;
  for (;;) {
    const running = await settled(place.cluster, layout.passfile, BUSY_WAIT_MS);
    if (running.state === 'ours') return { server: running, isFound: running.pid !== launchedPid };
    if (running.state === 'busy') {
      throw new ClaireError('embedded_start_failed', {
        found: `Its server (pid ${running.pid}) has not answered for a minute.`,
      });
    }
    const port = await choosePort(start.options.port, start.kept, start.tried);
    if (port === undefined) {
      await refuseAskedPort(start);
      continue;
    }
    const launched = await launchOn(start, port, running.stalePid);
    if (launched.isReady) launchedPid = launched.pid;
    else await afterFailure(start, port, launched.text);
  }
}

/**
 * Unless a server of this directory has the port, or has just had it: commands that come and go start and stop one
 * between our looks. Another program still listens a moment later.
 */
async function refuseAskedPort({ options, place, layout, tried }: Start): Promise<void> {
  const end = Date.now() + PORT_WAIT_MS;
  do {
    if ((await inspect(place.cluster, layout.passfile)).state !== 'none') return;
    if (options.port === undefined || (await isFree(options.port))) {
      tried.clear();
      return;
    }
  } while (Date.now() < end);
  throw new ClaireError('embedded_port_in_use', {
    found: `Another program listens on port ${options.port}.`,
    details: { port: options.port },
  });
}

async function launchOn(start: Start, port: number, stalePid: number | undefined): Promise<Launched> {
  const { place, layout, build, options } = start;
  start.programs ??= await preparePrograms(build, place.account);
  const { programs } = start;
  const passwords = await firstPasswords(layout.passfile, port);
  if (!existsSync(join(place.cluster, 'PG_VERSION'))) await createCluster(place.cluster, programs, passwords);
  await completeSettings(place.cluster, programs);
  // PostgreSQL does not start while the pid in its pid file lives, except where it is its own grandparent's. So the
  // innocent process that got the pid is named as that: nothing is killed or deleted, and PostgreSQL still refuses
  // while a process of the old server holds the shared memory.
  const environment: Record<string, string> =
    stalePid === undefined ? {} : { PG_GRANDPARENT_PID: String(stalePid) };
  if (!(await hasOurSuperuser(place.cluster, passwords))) {
    const reset = await resetSuperuser(place.cluster, programs, passwords, environment);
    if (!reset.ok) return { isReady: false, text: reset.text };
    options.onNotice?.(
      'The cluster had other passwords than the pgpass file: its logins get those of the file.',
    );
  }
  return launch({
    programs,
    cluster: place.cluster,
    port,
    settings: { ...(options.archives ? await archiving(place, programs) : {}), ...options.settings },
    log: layout.log,
    environment,
  });
}

const hasOurSuperuser = async (cluster: string, passwords: Passwords): Promise<boolean> =>
  (await readMarker(cluster)).superuser === fingerprint(passwords.postgres);

/** Waits for another turn, or gives up. */
async function afterFailure(start: Start, port: number, text: string): Promise<void> {
  // An outgoing connection can have the port as its own end: nobody listens there, and yet it cannot be had.
  const isTaken = /could not bind/.test(text);
  if ((isTaken && start.options.port === undefined) || !(await isFree(port))) {
    start.tried.add(port);
    return;
  }
  start.failures += 1;
  start.firstFailure ??= Date.now();
  const isLate = Date.now() - start.firstFailure > RETRY_MS;
  if (isTaken && isLate) {
    throw new ClaireError('embedded_port_in_use', {
      found: `A connection of another program uses port ${port} as its own end.`,
      details: { port },
    });
  }
  const isTraceless = !isTaken && !existsSync(join(start.place.cluster, 'postmaster.pid'));
  if (isLate || (isTraceless && start.failures >= TRACELESS_FAILURES)) {
    throw new ClaireError('embedded_start_failed', { found: `\n${text}` });
  }
  await sleep(200);
}
