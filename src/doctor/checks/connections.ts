import { BUDGET } from '../../database/index.js';
import { counted } from '../../domain/words.js';
import { defineCheck, fail, ok, warn } from '../check.js';
import { type ConnectionsReport, lookAtConnections, overBudget, overExpected } from '../connections.js';
import { shown } from './words.js';

/** Of the connections that are not reserved: one pool that grows takes the rest, and the next client is refused. */
const NEARLY_FULL = 0.9;

export const connections = defineCheck({
  name: 'connections',
  question: 'Do the connections keep to the budget, in all and by login?',
  threshold:
    `${BUDGET} in this database, or ${NEARLY_FULL * 100} % of what the server takes: new sessions are about to be refused. ` +
    'A login over its own part has a second process or a pool that leaks.',
  of: 'server',
  async examine({ session, book }) {
    const report = await lookAtConnections(session, book);
    const { budget, server } = report;
    const free = server.max_connections - server.superuser_reserved_connections;
    const full =
      server.connections > free * NEARLY_FULL
        ? [
            `The server has ${server.connections} of ${free} connections that are not reserved: new ones are about to be refused.`,
          ]
        : [];
    const wrong = [...overBudget(report), ...full];
    const sentences = [...wrong, ...overExpected(report)];
    if (sentences.length === 0) {
      return ok(
        `${counted(budget.connections, 'connection')} of a budget of ${BUDGET}; the server has ${server.connections} of ${free}.`,
        evidenceOf(report),
      );
    }
    const verdict = wrong.length > 0 ? fail : warn;
    return verdict(sentences.join(' '), evidenceOf(report), {
      decide:
        'between the process that must not run (the evidence names application and role), one that never gives its connections ' +
        'back (idle, or idle in transaction: mend it; `claire connections end --idle-for 10m --in-transaction` ends what it left), ' +
        'and more connections, where all of them work.',
    });
  },
});

/** The largest groups first. */
const evidenceOf = ({ groups, roles }: ConnectionsReport) =>
  shown(
    [...groups]
      .sort((a, b) => b.connections - a.connections)
      .map(({ longest_idle_in_transaction_seconds: longest, hidden: _, ...group }) => ({
        ...group,
        expected_at_most: roles.find(({ role }) => role === group.role)?.expected.most ?? null,
        longest_idle_in_transaction_seconds: longest === null ? null : Math.round(longest),
      })),
  );
