import { LATEST_VERSION, VERSIONS } from './files.js';
import type { BookState } from './recognise.js';

/** What was seen, in sentences. */
export function describeState(state: BookState): string {
  const sentences = [state.applied.length > 0 ? ofBook(state) : ofSchema(state)];
  if (state.inTheWay.length > 0) sentences.push(`In the way: ${state.inTheWay.join('; ')}.`);
  return sentences.join(' ');
}

function ofBook({ book, version, unfinished, newer, applied }: BookState): string {
  if (newer) return `Book ${book} stands at ${newer}; this program knows versions up to ${LATEST_VERSION}.`;
  const stands = version ? `Book ${book} stands at ${version}` : `Book ${book} is not at a version yet`;
  const on = `; ${applied.at(-1)?.version} was begun and not brought to its end, which \`claire migrate\` does`;
  return `${stands}${unfinished ? on : ''}.`;
}

function ofSchema({ book, exists, version, handMade, pieces, inTheWay }: BookState): string {
  if (!exists) return `There is no schema ${book}.`;
  if (!handMade) {
    return inTheWay.length > 0
      ? `Schema ${book} holds no book, but objects under its names.`
      : `Schema ${book} holds no book.`;
  }
  const stands = `Schema ${book} holds a hand-made ${version ?? VERSIONS[0]}`;
  if (!pieces) return `${stands}, without a history.`;
  const all = pieces.present.length + pieces.missing.length;
  return `${stands} with ${pieces.present.length} of ${all} pieces of ${pieces.version}; missing: ${pieces.missing.join(', ')}.`;
}
