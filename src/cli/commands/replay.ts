import { EXIT } from '../../errors/index.js';
import { defineCommand } from '../command.js';
import { keepHeapSmall } from '../heap.js';
import { countLimits } from '../limits-text.js';
import { replayText, runReplay } from '../run-replay.js';
import { withBook } from '../session.js';
import { summaryText } from '../summary.js';

export const replay = defineCommand({
  usage: 'replay <files...>',
  summary:
    'Runs candles from CSV files through signal engine, risk manager and execution service, in market time.',
  details:
    'One file a symbol, which its name tells: BTCUSD.csv. The header is timestamp,open,high,low,close,volume, or\n' +
    'date,open,high,low,close,adjclose,volume, or there is none and the lines are the 12 columns of an exchange.\n' +
    'Ids derive from the candles: a second replay records nothing new, and one that was cut off is finished by\n' +
    'running it again. Up to a bad line everything is recorded; the line is named and the exit code is 2.',
  examples: [
    ['replay BTCUSD.csv ETHUSD.csv', 'two symbols, merged by time'],
    ['replay --book try BTCUSDT-1m-2024-01.csv', 'into another book, made with `claire book create try`'],
  ],
  async run(invocation) {
    keepHeapSmall();
    const { args, globals, out, signal } = invocation;
    return withBook(
      invocation,
      'claire',
      async (claire, place) => {
        if (countLimits(await claire.limits()) === 0) out.note(withoutLimits(globals.book));
        const result = await runReplay(place, globals.book, { files: args }, signal);
        const summary = await claire.summary();
        out.answer(
          { book: globals.book, replay: result, summary },
          () => `${replayText(result, globals.book)}\nThe book holds:\n${summaryText(summary)}`,
        );
        return result.finished ? EXIT.ok : EXIT.interrupted;
      },
      { endsItself: true },
    );
  },
});

const withoutLimits = (book: string): string =>
  `Book ${book} has no limits: nothing but what cannot be true will be refused. Set them before the first signal is\n` +
  'decided, as in `claire limits set max_exposure=5000 --reason "so much is ours"`; see `claire limits set --help`.';
