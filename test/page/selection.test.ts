import { describe, expect, test } from 'vitest';
import { type Filters, findUsers, noFilters, select } from '../../page/selection.ts';
import type { PageMatrix } from '../../src/page/page-data.ts';

const CLERK = { name: 'clerk', kind: 'defined', cells: cells([0, 1], 'im') } as const;

const MATRIX: PageMatrix = {
  subject: 'sub',
  subjectAt: 0,
  tokens: ['obj', 'act'],
  domainAt: -1,
  permissions: [
    ['invoices', 'read'],
    ['invoices', 'write'],
    ['ledger', 'read'],
  ],
  roles: [
    { name: 'viewer', kind: 'defined', cells: cells([0], 'd') },
    CLERK,
    { name: 'Auditor', kind: 'added', cells: cells([2], 'a') },
  ],
  rules: [],
  routes: [],
  granted: {},
  unlisted: 'deny',
  isCompared: true,
  users: [
    { name: 'alice', grants: [0] },
    { name: 'alicia', grants: [1] },
  ],
  grants: [
    { role: 'clerk', domain: null, roles: [1, 0] },
    { role: 'Auditor', domain: null, roles: [2] },
  ],
};

describe('a filter', () => {
  test('leaves everything where nothing is asked for', () => {
    expect(shown({})).toEqual({ roles: [0, 1, 2], permissions: [0, 1, 2] });
  });

  test('by role takes part of a name in any case', () => {
    expect(shown({ role: ' aud' })).toMatchObject({ roles: [2] });
  });

  test('by role knows the row of anybody by the name that is shown', () => {
    const anybody = { name: 'an internal name', kind: 'everybody', cells: cells([0], 'd') } as const;
    const matrix = { ...MATRIX, roles: [...MATRIX.roles, anybody] };
    const find = (role: string) => select(matrix, { ...noFilters(matrix), role }).roles;
    expect(find('anybody')).toEqual([3]);
    expect(find('internal')).toEqual([]);
  });

  test('by resource and action keeps rules that have both', () => {
    expect(shown({ values: ['invoices', ''] })).toMatchObject({ permissions: [0, 1] });
    expect(shown({ values: ['invoices', 'read'] })).toMatchObject({ permissions: [0] });
  });

  test('by a value of which there are many takes part of it', () => {
    const permissions = Array.from({ length: 20 }, (_, n) => [`resource ${n}`, 'read']);
    const many = { ...MATRIX, permissions };
    expect(select(many, { ...noFilters(many), values: ['E 1', ''] }).permissions).toEqual([
      1, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
    ]);
    const find = (count: number, ...values: string[]) => {
      const matrix = { ...MATRIX, permissions: permissions.slice(0, count) };
      return select(matrix, { ...noFilters(matrix), values }).permissions;
    };
    expect(find(13, 'source 3', '')).toEqual([3]);
    expect(find(12, 'source 3', ''), 'of twelve, one is chosen').toEqual([]);
    expect(find(12, 'resource 3', '')).toEqual([3]);
    expect(find(20, '', 'rea'), 'of one, which many permissions have').toEqual([]);
  });

  test('by user leaves the roles that the user has, inherited ones included', () => {
    expect(shown({ user: 'alice' })).toMatchObject({ roles: [0, 1] });
    expect(shown({ user: 'alicia' })).toMatchObject({ roles: [2] });
    expect(shown({ user: 'ali' })).toMatchObject({ roles: [] });
  });

  test('by user keeps the roles of one domain out of another', () => {
    const matrix: PageMatrix = {
      ...MATRIX,
      tokens: ['dom', 'act'],
      domainAt: 0,
      grants: [{ role: 'clerk', domain: 'invoices', roles: [1] }],
      users: [{ name: 'alice', grants: [0] }],
    };
    const { roles, isHeld } = select(matrix, { ...noFilters(matrix), user: 'alice' });
    expect(roles).toEqual([1]);
    expect([isHeld(1, 0), isHeld(1, 2), isHeld(0, 0)]).toEqual([true, false, false]);
    const allowed = {
      ...matrix,
      roles: matrix.roles.map((role) => ({ ...role, cells: cells([0, 2], 'dd') })),
    };
    const selection = select(allowed, { ...noFilters(matrix), user: 'alice', show: 'allowed' });
    expect(selection.permissions).toEqual([0]);
    expect([selection.isHeld(1, 0), selection.isHeld(1, 2)]).toEqual([true, false]);
  });

  test('by user takes a role in each of its domains, without a domain, and where requests have none', () => {
    const isHeld = (domainAt: number, ...domains: (string | null)[]) => {
      const grants = domains.map((domain) => ({ role: 'clerk', domain, roles: [1] }));
      const users = [{ name: 'alice', grants: [...grants.keys()] }];
      const matrix = { ...MATRIX, domainAt, grants, users };
      const selection = select(matrix, { ...noFilters(matrix), user: 'alice' });
      return [0, 2].map((permission) => selection.isHeld(1, permission));
    };
    expect(isHeld(0, 'invoices', 'ledger')).toEqual([true, true]);
    expect(isHeld(0, 'elsewhere')).toEqual([false, false]);
    expect(isHeld(0, null)).toEqual([true, true]);
    expect(isHeld(-1, 'elsewhere')).toEqual([true, true]);
  });

  test('by user keeps what anybody may do', () => {
    const anybody = { name: 'an internal name', kind: 'everybody', cells: cells([2], 'd') } as const;
    const matrix = { ...MATRIX, roles: [...MATRIX.roles, anybody] };
    expect(select(matrix, { ...noFilters(matrix), user: 'alice' }).roles).toEqual([0, 1, 3]);
  });

  test('for what is allowed keeps the permissions that a shown role has', () => {
    expect(shown({ show: 'allowed' })).toEqual({ roles: [0, 1, 2], permissions: [0, 2] });
    expect(shown({ show: 'allowed', role: 'clerk' })).toEqual({ roles: [1], permissions: [0] });
    expect(shown({ show: 'allowed', values: ['ledger', ''] })).toEqual({
      roles: [0, 1, 2],
      permissions: [2],
    });
  });

  test('for what is allowed keeps everything that no rule denies', () => {
    const open: PageMatrix = { ...MATRIX, unlisted: 'allow' };
    expect(select(open, { ...noFilters(open), show: 'allowed' }).permissions).toEqual([0, 1, 2]);
    expect(select(open, { ...noFilters(open), show: 'differences' }).permissions).toEqual([1, 2]);
  });

  test('for differences keeps what was added or is missing, and the roles concerned', () => {
    expect(shown({ show: 'differences' })).toEqual({ roles: [1, 2], permissions: [1, 2] });
    expect(shown({ show: 'differences', values: ['ledger', ''] })).toEqual({ roles: [2], permissions: [2] });
  });
});

test('users are proposed by part of their names, a few at a time', () => {
  expect(findUsers(MATRIX, 'LIC', 10)).toEqual(['alice', 'alicia']);
  expect(findUsers(MATRIX, 'cia', 10)).toEqual(['alicia']);
  expect(findUsers(MATRIX, '', 1)).toEqual(['alice']);
});

function shown(filters: Partial<Filters>) {
  const { roles, permissions } = select(MATRIX, { ...noFilters(MATRIX), ...filters });
  return { roles, permissions };
}

function cells(at: number[], states: string) {
  return { at, states, rules: at.map(() => -1), routes: at.map(() => -1) };
}
