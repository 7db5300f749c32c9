import { ClaireError } from '../../errors/index.js';
import {
  type Difference,
  differencesFrom,
  LATEST_VERSION,
  type Migrated,
  type Version,
} from '../../schema/index.js';
import type { Invocation } from '../command.js';
import { counted } from '../print.js';
import { connectTo, type Place } from '../session.js';

export interface Verification {
  holds: boolean;
  /** Differences between the catalog and the released one; null where this login may not make the scratch schema. */
  differences: { state: string; kind: string; name: string }[] | null;
  /** Laws that rows break. */
  broken_laws: { check: string; law: string; broken: number }[];
  text: string;
}

/** Holds what was made against the released schema, and the record against its laws. */
export async function verification(
  { globals }: Invocation,
  place: Place,
  { version }: Migrated,
): Promise<Verification> {
  const { book } = globals;
  const differences = await differencesIn(place, book, version!);
  const laws = version === LATEST_VERSION ? await brokenLaws(place, book) : [];
  const lines = [
    differencesText(differences, book),
    version !== LATEST_VERSION
      ? ''
      : laws.length === 0
        ? 'Every law of the record holds.'
        : ['Broken:', ...laws.map(({ law, broken }) => `  ${law} (${counted(broken, 'row')})`)].join('\n'),
  ];
  return {
    holds: (differences ?? []).length === 0 && laws.length === 0,
    differences,
    broken_laws: laws,
    text: lines.filter(Boolean).join('\n'),
  };
}

async function differencesIn(
  place: Place,
  book: string,
  version: Version,
): Promise<Verification['differences']> {
  try {
    const found = await differencesFrom(place.database('postgres'), book, version);
    // A law that old rows break is told with its rows.
    const isOpenLaw = ({ kind, state }: Difference) => kind === 'constraint' && state === 'invalid';
    return found
      .filter((each) => each.matters && !isOpenLaw(each))
      .map(({ state, kind, name }) => ({ state, kind, name }));
  } catch (error) {
    if (error instanceof ClaireError && error.code === 'right_missing') return null;
    throw error;
  }
}

function differencesText(differences: Verification['differences'], book: string): string {
  if (differences === null) {
    return 'The schema was not held against the released one: that needs CREATE on the database.';
  }
  if (differences.length === 0) return 'The schema is the released one.';
  const see = `see \`claire schema verify --book ${book}\``;
  return `${counted(differences.length, 'difference')} from the released schema: ${see}.`;
}

async function brokenLaws(place: Place, book: string): Promise<Verification['broken_laws']> {
  const claire = await connectTo(place, book, 'claire_reader');
  try {
    const laws = await claire.verify();
    return laws.filter(({ broken }) => broken > 0).map(({ check, law, broken }) => ({ check, law, broken }));
  } finally {
    await claire.close();
  }
}
