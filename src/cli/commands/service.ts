import type { Claire } from '../../claire.js';
import type { Login } from '../../database/embedded/index.js';
import type { Log } from '../../log/index.js';
import { runExecutionService, runRiskManager, runSignalEngine } from '../../services/index.js';
import { type AddCommand, defineCommand, type Invocation } from '../command.js';
import { logOptions, tellingOf, withLog } from '../event-log.js';
import { list } from '../print.js';
import { withBook } from '../session.js';

type Run = (claire: Claire, invocation: Invocation) => Promise<object>;

/** Runs one service until it has done its work or is told to end; both are a good end. */
const runs = (login: Login, run: Run) => async (invocation: Invocation) => {
  const { out, globals } = invocation;
  const of = { book: globals.book, service: login };
  const begun = performance.now();
  const work = async (claire: Claire, log: Log) => {
    out.say(`${login} works on book ${globals.book}; Ctrl-C ends it.`);
    log.tell('service_started', of);
    const result = await run(claire, invocation);
    log.tell('service_stopped', { ...of, took_ms: Math.round(performance.now() - begun) });
    out.answer({ service: login, book: globals.book, ...result }, () =>
      list(Object.entries(result).map(([name, value]) => [name, JSON.stringify(value)])),
    );
  };
  await withLog(invocation, (log) => {
    const options = { endsItself: true, waits: true, ...(log.isRead ? { telling: tellingOf(log) } : {}) };
    return withBook(invocation, login, (claire) => work(claire, log), options).catch((error: unknown) => {
      log.tell('service_failed', { ...of, error });
      throw error;
    });
  });
  return undefined;
};

const services: AddCommand[] = [
  defineCommand({
    usage: 'signal-engine <files...>',
    summary:
      'Records candles from CSV files and the signals that two strategies see in them; ends with the files.',
    options: logOptions(),
    examples: [['service signal-engine BTCUSD.csv', 'the signals of one symbol']],
    run: runs('signal_engine', (claire, { args, signal }) => runSignalEngine(claire, args, signal)),
  }),
  defineCommand({
    usage: 'risk-manager',
    summary: 'Decides signals that have no order yet: places orders, or rejects them and says why.',
    options: logOptions(),
    examples: [['service risk-manager', 'until Ctrl-C']],
    run: runs('risk_manager', (claire, { signal }) => runRiskManager(claire, { signal })),
  }),
  defineCommand({
    usage: 'execution-service',
    summary: 'Fills pending orders from the recorded candles, and opens and closes their trades.',
    options: logOptions(),
    examples: [['service execution-service', 'until Ctrl-C']],
    run: runs('execution_service', (claire, { signal }) => runExecutionService(claire, { signal })),
  }),
];

export const service: AddCommand = (parent, runtime) => {
  const group = parent
    .command('service')
    .summary('Runs one of the reference services as a process of its own.');
  group.description(
    'Runs one of the reference services as a process of its own. They meet in the record only.\n' +
      'Start `claire up` first: then all of them use its server.',
  );
  for (const add of services) add(group, runtime);
};
