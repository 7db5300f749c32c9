import { expect, test } from 'vitest';
import { upkeepEvents } from '../../src/cli/upkeep-events.js';
import { ClaireError } from '../../src/errors/index.js';
import type { EventName } from '../../src/log/index.js';

function told() {
  const events: [EventName, object][] = [];
  const tell = (event: EventName, fields: object) => void events.push([event, fields]);
  return { events, upkeep: upkeepEvents({ isRead: true, tell, close: () => {} }) };
}

const run = { task: 'fold', book: 'main', took_ms: 1.4, late_ms: 0 };

test('a task that fails is told once, and once more when it succeeds again', () => {
  const { events, upkeep } = told();
  const error = new Error('no');
  for (const ok of [true, false, false, true, true, false])
    upkeep.onRun({ ...run, ok, ...(ok ? {} : { error }) });
  const of = { book: 'main', job: 'fold', took_ms: 1 };
  expect(events).toEqual([
    ['job_failed', { ...of, error }],
    ['job_recovered', of],
    ['job_failed', { ...of, error }],
  ]);
});

test('an error of a task is not told a second time, that of all books is, and a lost server is for the end', () => {
  const { events, upkeep } = told();
  const [mine, other] = [new Error('mine'), new Error('other')];
  upkeep.onRun({ ...run, ok: false, error: mine });
  for (const error of [mine, other, new ClaireError('database_unreachable')]) upkeep.onError(error);
  expect(events.map(([event]) => event)).toEqual(['job_failed', 'upkeep_failed']);
  expect(events[1]![1]).toEqual({ error: other });
});

test('retention that has run is told of, whatever it removed', () => {
  const { events, upkeep } = told();
  upkeep.onRun({ ...run, task: 'retention', ok: true });
  expect(events).toEqual([['retention_ran', { book: 'main', took_ms: 1 }]]);
});
