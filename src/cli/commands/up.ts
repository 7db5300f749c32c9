import { setTimeout as sleep } from 'node:timers/promises';
import { packageVersion } from '../../config.js';
import type { EmbeddedServer } from '../../database/embedded/index.js';
import { ClaireError, EXIT } from '../../errors/index.js';
import type { Serving } from '../../http/index.js';
import { UpkeepRuns } from '../../http/metrics/sources.js';
import type { Log } from '../../log/index.js';
import { type BookState, describeState, LATEST_VERSION, migrate, recognise } from '../../schema/index.js';
import type { ReplayResult } from '../../services/index.js';
import {
  retentionTask,
  runSampling,
  runUpkeep,
  runUpkeepOfAllBooks,
  type TaskRun,
  tasks,
} from '../../upkeep/index.js';
import { backupOptions, backupSettings, offered, writingOptions } from '../backups.js';
import { makeRoles } from '../book-roles.js';
import { defineCommand, type Invocation, option } from '../command.js';
import { connectionsOf, connectionsText } from '../connections.js';
import { coverageOf } from '../coverage.js';
import { DEMO_BOOK, demo, limitDemo } from '../demo.js';
import { logOptions, tellingOf, withLog } from '../event-log.js';
import { keepTold, type Looking, type Told } from '../keep-told.js';
import { haltedText } from '../limits-text.js';
import { sweepLast } from '../log-archive.js';
import { wantsBackup } from '../migration/before.js';
import { keepFinishingRotations } from '../rotations.js';
import { replayText, runReplay } from '../run-replay.js';
import { connectTo, type Place, withPlace } from '../session.js';
import { summaryText } from '../summary.js';
import { upkeepEvents } from '../upkeep-events.js';

export const up = defineCommand({
  usage: 'up',
  summary: 'Starts the embedded server, brings the book to the newest version and keeps both until Ctrl-C.',
  details:
    'Prints a connection string for each login; passwords stay in the file that it names. While it runs, positions are\n' +
    'folded every second, positions_realtime is refreshed every 5 seconds, and once a day every book is backed up and the\n' +
    'backup restored to see that it can be. With --database-url it does the same for\n' +
    'one book of that server, and leaves the server running. HTTP has everything of the record: /reference.',
  options: [
    option(
      '--demo',
      'replay twenty years of real daily candles into the book demo of the embedded server; ignores --database-url and --book',
    ),
    option('--exit-when-done', 'end after the main job instead of staying'),
    option('--show-secrets', 'print connection strings with their passwords'),
    offered('backup_at'),
    offered('notify'),
    offered('http'),
    option('--open', 'over HTTP, programs of this machine may write without a token, too'),
    offered('cors'),
    offered('http_origin'),
    offered('http_rate'),
    ...logOptions(),
    ...backupOptions(),
    ...writingOptions(),
  ],
  examples: [
    ['up', 'a server on .claire with the book main'],
    ['up --demo', 'see what it does, with real candles, apart from main'],
    ['up --data /var/lib/desk --port 5433', 'elsewhere'],
  ],
  async run(invocation) {
    const isDemo = invocation.options.demo === true;
    const book = isDemo ? DEMO_BOOK : invocation.globals.book;
    return withLog(invocation, (log) => {
      const told: Told = { log, runs: new UpkeepRuns(), backupFailures: 0 };
      return withPlace(invocation, (place) => keep(invocation, place, { book, isDemo, told }), {
        host: true,
        book,
        embedded: isDemo,
        direct: true,
        endsItself: true,
        telling: { ...tellingOf(log), leakAfter: LEAK_MS },
        onStopped: (server) => keepLast(invocation, server),
      });
    });
  },
});

/** As a service's. */
const LEAK_MS = 60_000;

interface Work {
  book: string;
  isDemo: boolean;
  told: Told;
}

/** The rest of the log. It stays in the spool where this fails, and the next `up` takes it. */
const keepLast = async (invocation: Invocation, server: EmbeddedServer): Promise<void> =>
  sweepLast(server, await backupSettings(invocation)).catch((error: Error) =>
    invocation.out.note(`backup: ${error.message}`),
  );

async function keep(invocation: Invocation, place: Place, { book, isDemo, told }: Work) {
  const { options, signal, out } = invocation;
  const { server } = place;
  const { log } = told;
  const begun = performance.now();
  if (server)
    out.say(
      `PostgreSQL ${server.major} runs on ${server.host}:${server.port}; its data is in ${server.dataDir}.`,
    );
  const ended = new AbortController();
  // Read while the book is brought forward.
  const http = options.exitWhenDone ? undefined : import('../http-server.js');
  let upkeep: Promise<void> | undefined;
  let serving: Serving | undefined;
  let hasFailed = false;
  try {
    const state = await bringForward(invocation, place, book, log);
    const work = { book, told, signal: AbortSignal.any([signal, ended.signal]) };
    upkeep = lookAfter(invocation, place, work);
    const telling = await keepTold(invocation, place, work);
    upkeep = Promise.all([upkeep, telling.ended]).then(() => {});
    const known = { log, runs: told.runs, backupFailures: () => told.backupFailures };
    serving = await (await http)?.serveHttp(invocation, place, book, known);
    const job = isDemo ? await runDemo(invocation, place, book) : undefined;
    await answer(invocation, place, { state, serving, job });
    const address = server ? `${server.host}:${server.port}` : undefined;
    log.tell('up_started', { book, version: state.version, claire: packageVersion(), server: address });
    if (job && !job.replay.finished) return EXIT.interrupted;
    if (options.exitWhenDone || signal.aborted) return EXIT.ok;
    out.say(server ? 'Ctrl-C stops the server.' : 'Ctrl-C ends the upkeep; the server is not ours to stop.');
    await stay(place, signal);
    return EXIT.ok;
  } catch (error) {
    const isLost = error instanceof ClaireError && error.code === 'database_unreachable';
    const reason = isLost ? new ClaireError('server_lost', { found: error.message, cause: error }) : error;
    log.tell('up_failed', { book, error: reason });
    hasFailed = true;
    throw reason;
  } finally {
    ended.abort();
    await serving?.close();
    await upkeep;
    if (!hasFailed) log.tell('up_stopped', { book, took_ms: Math.round(performance.now() - begun) });
  }
}

async function bringForward({ out }: Invocation, place: Place, book: string, log: Log): Promise<BookState> {
  const database = place.database('postgres');
  const before = await recognise(database, book);
  // With rows it is `claire migrate` that says what it does, and wants a backup before.
  if (await wantsBackup(database, before, LATEST_VERSION)) {
    throw new ClaireError('schema_outdated', { found: describeState(before) });
  }
  let applied = 0;
  const state = await migrate(database, book, { onFile: () => applied++ });
  await makeRoles(place, book);
  if (applied > 0) log.tell('migrated', { book, version: state.version, applied });
  out.say(`Book ${book} stands at ${state.version}${applied > 0 ? `; ${applied} migrations applied` : ''}.`);
  return state;
}

/** Every book of the embedded server is ours to look after; of another server only the one that was named. */
async function lookAfter(
  invocation: Invocation,
  place: Place,
  { book, told, signal }: Looking,
): Promise<void> {
  const { out } = invocation;
  const events = upkeepEvents(told.log);
  const onRun = (run: TaskRun) => {
    told.runs.add(run);
    events.onRun(run);
  };
  const onError = (error: unknown) => {
    events.onError(error);
    // That the server is gone is for `stay` to say, once.
    if (error instanceof ClaireError && error.code === 'database_unreachable') return;
    out.note(`upkeep: ${error instanceof Error ? error.message : String(error)}`);
  };
  const admin = place.database('postgres');
  const { backups } = await backupSettings(invocation);
  const retention = retentionTask((of) => coverageOf(admin, backups, of));
  const options = { signal, onError, onRun, tasks: [...tasks, retention] };
  const sampling = runSampling(admin, { signal, onError, onNotice: (sentence) => out.note(sentence) });
  if (!place.server) return void (await Promise.all([runUpkeep(admin, book, options), sampling]));
  const open = async (of: string) => {
    // A book that was made before books had roles of their own has none yet.
    await connectTo(place, of, 'claire_upkeep').then((claire) => claire.close());
    return place.database('claire_upkeep', of);
  };
  const rotations = keepFinishingRotations(place, { signal, onError });
  await Promise.all([runUpkeepOfAllBooks({ admin, open }, options), rotations, sampling]);
}

interface Job {
  source: 'sp500' | 'synthetic';
  replay: ReplayResult;
}

async function runDemo({ out, signal }: Invocation, place: Place, book: string): Promise<Job> {
  const { origin, source, input } = demo();
  out.say(origin);
  await limitDemo(place);
  const replay = await runReplay(place, book, input, signal);
  out.say(replayText(replay, book));
  return { source, replay };
}

async function answer(
  { options, out }: Invocation,
  place: Place,
  { state, serving, job }: { state: BookState; serving?: Serving | undefined; job?: Job | undefined },
): Promise<void> {
  const { server } = place;
  const claire = await connectTo(place, state.book, 'claire_reader');
  const [summary, risk] = await Promise.all([claire.summary(), claire.riskState()]).finally(() =>
    claire.close(),
  );
  const connections = connectionsOf(place, state.book, options.showSecrets === true);
  out.answer(
    {
      server: server
        ? {
            host: server.host,
            port: server.port,
            major: server.major,
            database: server.database,
            data: server.dataDir,
          }
        : null,
      http: serving ? { host: serving.host, port: serving.port, url: serving.url } : null,
      book: state.book,
      version: state.version,
      connections,
      demo: job ?? null,
      summary,
      halt: risk.halt,
    },
    () =>
      [
        ...[`Book ${state.book} holds:`, summaryText(summary)],
        ...(risk.halted ? [`trading is ${haltedText(risk)}`] : []),
        ...[
          '',
          options.exitWhenDone && server
            ? `While \`claire up\` runs, connect to book ${state.book} as:`
            : `Connect to book ${state.book} as:`,
          connectionsText(connections),
        ],
      ].join('\n'),
  );
}

/** Until Ctrl-C; or until the server is gone, which is an error. */
async function stay({ keeper }: Place, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await keeper.query('select 1');
    await sleep(1000, undefined, { signal }).catch(() => {});
  }
}
