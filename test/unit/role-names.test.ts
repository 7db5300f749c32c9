import { describe, expect, test } from 'vitest';
import { LOGIN_ROLES, ROLES, roleName, roleOf } from '../../src/database/index.js';

describe('the roles of a book', () => {
  test('have the names of the seed in the book main, and the book behind them in others', () => {
    expect(ROLES.map((role) => roleName(role, 'main'))).toEqual([...ROLES]);
    expect(roleName('signal_engine', 'demo')).toBe('signal_engine_demo');
    expect(LOGIN_ROLES).toHaveLength(ROLES.length - 1);
  });

  test('are never those of another role or book, whatever a book is called', () => {
    const long = 'b'.repeat(48);
    const books = [
      ...[
        'main',
        'demo',
        'owner',
        'reader',
        'upkeep',
        'operator',
        'owner_x',
        'x',
        'reader_x',
        'owners',
        'claire_x',
      ],
      ...[long, `${long.slice(0, -1)}c`, `owner_${long.slice(6)}`, 'owner_owner', 'owner_owner_x'],
    ];
    const names = books.flatMap((book) => ROLES.map((role) => roleName(role, book)));
    expect(new Set(names).size).toBe(names.length);
    expect(names.every((name) => /^[a-z][a-z0-9_]*$/.test(name) && name.length <= 63)).toBe(true);
  });

  test('that would collide or be too long are written otherwise', () => {
    expect(roleName('claire', 'owner_x')).toBe('claire__owner_x');
    expect(roleName('claire', 'owners')).toBe('claire_owners');
    const name = roleName('execution_service', 'b'.repeat(48));
    expect(name).toMatch(/^execution_service__b{35}_[0-9a-f]{8}$/);
    expect(roleName('signal_engine', 'b'.repeat(48))).toBe(`signal_engine_${'b'.repeat(48)}`);
  });

  test('are known again by their names', () => {
    expect(roleOf('risk_manager_demo', 'demo')).toBe('risk_manager');
    expect(roleOf('risk_manager', 'demo')).toBeUndefined();
    expect(roleOf('claire__owner_x', 'owner_x')).toBe('claire');
    expect(roleOf('claire_owner_x', 'owner_x')).toBeUndefined();
  });
});
