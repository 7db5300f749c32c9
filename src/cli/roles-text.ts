import type { LoginRole } from '../database/index.js';
import { purposeOf, type RoleState, type RolesState } from '../schema/index.js';
import { list, table } from './print.js';

/** How a role is not as it should be; nothing where it is. */
export function differencesOf(state: RoleState): string[] {
  if (!state.exists) return ['missing'];
  const isLimited = state.connection_limit === state.expected_limit;
  return [
    ...(isLimited ? [] : [`connections ${state.connection_limit}, not ${state.expected_limit}`]),
    ...state.missing.map((right) => `lacks ${right}`),
    ...state.beyond.map((right) => `has ${right} beyond its part`),
  ];
}

export function rolesText(state: RolesState, protection: readonly string[]): string {
  const rows = state.roles.map((each) => [
    each.name,
    each.exists ? (each.login ? 'yes' : 'no') : 'missing',
    each.exists && each.connection_limit >= 0 ? String(each.connection_limit) : '',
    purposeOf(each.role),
  ]);
  const differences = [
    ...state.roles.flatMap((each) => differencesOf(each).map((difference) => `${each.name}: ${difference}`)),
    ...state.beyond.map((right) => `others: ${right}`),
  ];
  return [
    `Book ${state.book} belongs to ${state.owner}.`,
    table(['role', 'login', 'connections', 'what it does'], rows),
    differences.length === 0
      ? 'Every role has exactly the rights of docs/reference/roles.md.'
      : `Differences from docs/reference/roles.md:\n${indented(differences)}`,
    protectionText(protection),
  ].join('\n\n');
}

export const protectionText = (missing: readonly string[]): string =>
  missing.length === 0
    ? 'No protection is missing.'
    : `Protection that is missing:\n${indented(missing)}\nSee \`claire roles --help\`.`;

const indented = (lines: readonly string[]): string => lines.map((line) => `  ${line}`).join('\n');

/** Connection strings by role, for people. */
export const stringsText = (connections: Partial<Record<LoginRole, string>>): string =>
  list(Object.entries(connections));
