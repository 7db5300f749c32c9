import { entryOf } from '../errors/index.js';
import { ClaireError, type Outcome } from '../index.js';

/**
 * Passes a batch of which every item stands in the record.
 * @throws ClaireError of the first item that does not stand in the record: id_conflict, or the law that refuses it.
 */
export function requireRecorded(what: string, outcomes: readonly Outcome[]): void {
  for (const outcome of outcomes) {
    const error = errorOf(what, outcome);
    if (error) throw error;
  }
}

/** What follows from candles alone: a conflict there is not about an id that somebody chose. */
const DERIVED = new Set(['candle', 'signal']);

/** The error that an outcome stands for; undefined where the item is in the record. */
export function errorOf(what: string, outcome: Outcome): ClaireError | undefined {
  if (outcome.outcome === 'conflict') {
    return new ClaireError(DERIVED.has(what) ? 'replay_conflict' : 'id_conflict', {
      found: `${what} ${outcome.id} differs in ${outcome.fields.join(', ')}.`,
      details: { id: outcome.id, fields: outcome.fields },
    });
  }
  if (outcome.outcome !== 'refused') return undefined;
  // The outcome's message begins with the sentence that the error will put there itself.
  const found = outcome.message.replace(entryOf(outcome.code).sentence, '').trim();
  return new ClaireError(outcome.code, {
    law: outcome.law,
    found: `${what} ${outcome.id}: ${found || 'refused.'}`,
    details: { id: outcome.id },
  });
}
