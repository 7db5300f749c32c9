import type { Workload, WorkloadOptions, WorkloadResult } from '../workload.js';
import { LEAST, makeDesk } from './decide/desk.js';
import { measureFlatness } from './decide/flatness.js';
import { checkLaws } from './decide/laws.js';
import { measureRates } from './decide/rates.js';

export const decide: Workload = {
  name: 'decide',
  summary: 'Decisions one by one, gathered and in batches beside the bare insert of the same orders.',
  run,
};

async function run(options: WorkloadOptions): Promise<WorkloadResult> {
  const book = await makeDesk(options, 'decide', { ...LEAST, days: 90 });
  const rates = await measureRates(options, book);
  const laws = await checkLaws(options, book);
  await book.drop();
  const flatness = await measureFlatness(options);
  return {
    workload: 'decide',
    figures: [...rates.figures, ...flatness.figures],
    bars: [...rates.bars, ...laws, ...flatness.bars],
    notes: [
      'Every limit is set and none is reached: each decision is an opening order that is judged in full.',
      'The bare insert goes into a table with the columns, laws, indexes and foreign key of orders and without a trigger. A decision also writes a row of decisions, the reservation and the risk row, on which decisions meet.',
      'PENDING orders grow with every turn; what waits to be folded is folded before each, as upkeep does.',
      'With all closed trades within 24 hours a decision reads what ended since the last minute began, and what fell out of the 24 hours since: so it grows with trades a minute, not with the record.',
    ],
  };
}
