import { EXIT, type ExitCode } from '../../errors/index.js';
import {
  examine,
  type MigrateOptions,
  pendingMigrations,
  planMigration,
  readMigrations,
  recognise,
  type Version,
} from '../../schema/index.js';
import type { Invocation } from '../command.js';
import type { Place } from '../session.js';
import { planText } from './plan-text.js';

/** `claire migrate --plan`: each step, what stands in its way, and what clients will notice. Nothing is executed. */
export async function showPlan(
  { globals, out }: Invocation,
  place: Place,
  options: MigrateOptions & { to: Version },
): Promise<ExitCode> {
  const { book } = globals;
  const database = place.database('postgres');
  const state = await recognise(database, book);
  const pending = pendingMigrations(state, await readMigrations(), options.to);
  const seen = await database.session((session) => examine(session, book, state, { ...options, pending }));
  const plan = await planMigration(database, book, state, { to: options.to, zone: seen.zone });
  const { refusals, dependents, warnings } = seen;
  out.answer({ ...plan, refusals, dependents, warnings }, () =>
    [
      planText(plan),
      ...(warnings.length > 0 && !plan.still ? [['To know:', ...warnings.map(item)].join('\n')] : []),
      ...(dependents.length > 0
        ? [
            'Objects of others on columns that change; drop what stops it before, and make it again after:\n' +
              dependents
                .map(({ definition, stops }) => `${stops ? '' : '-- does not stop it\n'}${definition};`)
                .join('\n'),
          ]
        : []),
      ...(refusals.length > 0
        ? [['As it stands it would be refused:', ...refusals.map(({ found }) => item(found))].join('\n')]
        : []),
    ].join('\n\n'),
  );
  return refusals.length > 0 ? EXIT.refused : EXIT.ok;
}

const item = (sentence: string): string => `- ${sentence}`;
