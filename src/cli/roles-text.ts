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

/** Differences shown of one role, before the rest is counted. */
const SHOWN = 3;

function inBrief(differences: readonly string[]): string {
  if (differences.length <= SHOWN) return differences.join('; ') || 'none';
  return `${differences.slice(0, SHOWN).join('; ')}; ${differences.length - SHOWN} more`;
}

export function rolesText(state: RolesState, protection: readonly string[]): string {
  const rows = state.roles.map((each) => [
    each.name,
    each.exists ? (each.login ? 'yes' : 'no') : '',
    each.exists && each.connection_limit >= 0 ? String(each.connection_limit) : '',
    purposeOf(each.role),
    inBrief(differencesOf(each)),
  ]);
  return [
    `Book ${state.book} belongs to ${state.owner}.`,
    table(['role', 'login', 'connections', 'may', 'differences'], rows),
    ...(state.beyond.length > 0 ? [`Others have rights here:\n${indented(state.beyond)}`] : []),
    protectionText(protection),
  ].join('\n\n');
}

export const protectionText = (missing: readonly string[]): string =>
  missing.length === 0
    ? 'No protection is missing.'
    : `Protection that is missing:\n${indented(missing)}\nSee \`claire roles apply --help\`.`;

const indented = (lines: readonly string[]): string => lines.map((line) => `  ${line}`).join('\n');

/** Connection strings by role, for people. */
export const stringsText = (connections: Partial<Record<LoginRole, string>>): string =>
  list(Object.entries(connections));
