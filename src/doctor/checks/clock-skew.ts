import type { Queryable } from '../../database/index.js';
import { grouped } from '../../domain/words.js';
import { defineCheck, fail, ok, warn } from '../check.js';

const WARN_MS = 500;
const FAIL_MS = 5000;

/** The quickest of these is the most exact: the server read its clock somewhere within the round trip. */
const ROUNDS = 3;

export const clockSkew = defineCheck({
  name: 'clock_skew',
  question: 'Do the clocks of the application and of the server agree?',
  threshold:
    `${WARN_MS} ms, and ${FAIL_MS / 1000} s are wrong: the age of a signal and the day of a drawdown go by the server's clock, ` +
    "the times of signals and trades by the application's.",
  of: 'server',
  async examine({ session, around }) {
    const { skew_ms, round_trip_ms } = await measure(session, around.now ?? Date.now);
    const evidence = [{ skew_ms: Math.round(skew_ms), round_trip_ms: Math.round(round_trip_ms) }];
    const sure_ms = Math.abs(skew_ms) - round_trip_ms / 2;
    if (sure_ms <= WARN_MS) {
      return ok(`The clocks agree within ${grouped(Math.ceil(Math.abs(skew_ms)))} ms.`, evidence);
    }
    const sentence = `The server's clock is ${grouped(Math.round(Math.abs(skew_ms)))} ms ${skew_ms > 0 ? 'ahead of' : 'behind'} the application's.`;
    const verdict = sure_ms > FAIL_MS ? fail : warn;
    return verdict(sentence, evidence, {
      decide:
        'which of the two machines has the wrong time (`timedatectl` or `chronyc tracking` on both), and let it keep time by NTP.',
    });
  },
});

/** How far the server's clock is ahead of the application's. */
async function measure(session: Queryable, now: () => number) {
  let best = { skew_ms: 0, round_trip_ms: Number.POSITIVE_INFINITY };
  for (let round = 0; round < ROUNDS; round++) {
    const begun = performance.now();
    const before = now();
    const [row] = await session.query<{ at_ms: number }>(
      'select (extract(epoch from clock_timestamp()) * 1000)::float8 as at_ms',
    );
    const round_trip_ms = performance.now() - begun;
    const skew_ms = row!.at_ms - (before + round_trip_ms / 2);
    if (round_trip_ms < best.round_trip_ms) best = { skew_ms, round_trip_ms };
  }
  return best;
}
