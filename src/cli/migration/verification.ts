import { connect } from '../../claire.js';
import { differencesFrom, LATEST_VERSION, type Migrated } from '../../schema/index.js';
import type { Invocation } from '../command.js';
import { counted } from '../print.js';
import type { Place } from '../session.js';

export interface Verification {
  holds: boolean;
  /** Differences between the catalog and the released one. */
  differences: { state: string; kind: string; name: string }[];
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
  const found = await differencesFrom(place.database('postgres'), book, version!);
  const differences = found.filter(
    ({ matters, kind, state }) => matters && !(kind === 'constraint' && state === 'invalid'),
  );
  const laws = version === LATEST_VERSION ? await brokenLaws(place, book) : [];
  const lines = [
    differences.length === 0
      ? 'The schema is the released one.'
      : `${counted(differences.length, 'difference')} from the released schema: see \`claire schema verify --book ${book}\`.`,
    version !== LATEST_VERSION
      ? ''
      : laws.length === 0
        ? 'Every law of the record holds.'
        : ['Broken:', ...laws.map(({ law, broken }) => `  ${law} (${counted(broken, 'row')})`)].join('\n'),
  ];
  return {
    holds: differences.length === 0 && laws.length === 0,
    differences: differences.map(({ state, kind, name }) => ({ state, kind, name })),
    broken_laws: laws,
    text: lines.filter(Boolean).join('\n'),
  };
}

async function brokenLaws(place: Place, book: string): Promise<Verification['broken_laws']> {
  const claire = await connect({ service: 'claire', databaseUrl: place.url('claire'), book, connections: 1 });
  try {
    const laws = await claire.verify();
    return laws.filter(({ broken }) => broken > 0).map(({ check, law, broken }) => ({ check, law, broken }));
  } finally {
    await claire.close();
  }
}
