import type {
  ConnectionGroup,
  ConnectionsReport,
  IdleConnection,
  LeftConnection,
  NamedConnection,
} from '../doctor/index.js';
import { secondsText } from '../domain/words.js';
import { counted, table } from './print.js';

const name = (application: string): string => (application === '' ? '(none)' : application);

export const connectionsReportText = (report: ConnectionsReport): string =>
  [
    groupsText(report.groups),
    ...(report.roles.length > 0 ? [rolesText(report)] : []),
    budgetText(report),
    ...(report.missing.length > 0 ? [report.missing.map((sentence) => `- ${sentence}`).join('\n')] : []),
  ].join('\n\n');

const groupsText = (groups: readonly ConnectionGroup[]): string =>
  table(
    ['application', 'role', 'connections', 'active', 'idle', 'in transaction', 'longest', ''],
    groups.map((group) => [
      name(group.application),
      group.role,
      ...[group.connections, group.active, group.idle, group.idle_in_transaction].map(String),
      group.longest_idle_in_transaction_seconds === null
        ? ''
        : secondsText(group.longest_idle_in_transaction_seconds),
      [
        ...(group.superuser ? ['superuser'] : []),
        ...(group.hidden > 0 ? [`${group.hidden} not told to this login`] : []),
      ].join(', '),
    ]),
  );

const rolesText = ({ roles }: ConnectionsReport): string =>
  table(
    ['login', 'connections', 'at rest', 'at most', 'limit of the server'],
    roles.map(({ role, connections, expected, connection_limit }) => [
      role,
      ...[connections, expected.base, expected.most].map(String),
      connection_limit === null ? 'none' : String(connection_limit),
    ]),
  );

function budgetText({
  database,
  budget,
  server,
  database_connection_limit: limit,
}: ConnectionsReport): string {
  const supers = budget.of_superusers > 0 ? `, ${budget.of_superusers} of them of superusers` : '';
  const databases = server.databases.map((each) => `${each.database} ${each.connections}`).join(', ');
  return [
    `${budget.over ? 'OVER BUDGET: ' : ''}${counted(budget.connections, 'connection')} of a budget of ${budget.limit} in database ${database}${supers}; its own limit: ${limit ?? 'none'}.`,
    `The server has ${server.connections} of ${server.max_connections} (${databases}); the last ${server.superuser_reserved_connections} are for superusers.`,
  ].join('\n');
}

const line = ({ pid, role, application, in_transaction, idle_seconds }: IdleConnection): string[] => [
  String(pid),
  role,
  name(application),
  `${secondsText(idle_seconds)}${in_transaction ? ', in a transaction' : ''}`,
];

export const idleText = (idle: readonly IdleConnection[]): string =>
  table(['pid', 'role', 'application', 'idle for'], idle.map(line));

export const REASONS: Record<LeftConnection['reason'], string> = {
  no_right:
    'this login may not end it: that takes membership in its role or in pg_signal_backend, or a superuser',
  holds_a_lock: 'it holds an advisory lock, so it is at work: a migration, the upkeep, a command',
  gone: 'it was used or ended meanwhile',
};

export const leftText = (left: readonly LeftConnection[]): string =>
  table(
    ['pid', 'role', 'application', 'idle for', 'left, because'],
    left.map((each) => [...line(each), REASONS[each.reason]]),
  );

export const namedText = ({
  pid,
  role,
  application,
  state,
  state_seconds,
  holds_lock,
}: NamedConnection): string =>
  table(
    ['pid', 'role', 'application', 'does', 'for', ''],
    [
      [
        ...[String(pid), role, name(application), state ?? '(not told)'],
        state_seconds === null ? '' : secondsText(state_seconds),
        holds_lock ? REASONS.holds_a_lock : '',
      ],
    ],
  );
