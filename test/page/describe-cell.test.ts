import { expect, test } from 'vitest';
import { cellFinder } from '../../page/cells.ts';
import { describeCell } from '../../page/describe-cell.ts';
import type { PageMatrix } from '../../src/page/page-data.ts';
import { INVOICES, linesOf, pageOf, stored } from './page.fixture.ts';

test('a cell is explained by the rule, the path of roles and their rows', async () => {
  expect(await explain('clerk', 'invoices', 'read')).toEqual({
    decision: 'Allowed',
    reason: 'inherited from viewer',
    rule: { text: 'p, viewer, invoices, read', id: 1, state: 'defined' },
    path: ['clerk', 'viewer'],
    rows: [1, 3],
    added: [],
    granted: [],
    command: 'casbin-bootstrap explain clerk invoices read',
  });
  expect(await explain('clerk', 'invoices', 'write')).toMatchObject({
    reason: 'by a rule for the role itself',
    path: [],
  });
});

test('a cell that no rule is for is explained by that', async () => {
  expect(await explain('viewer', 'invoices', 'write')).toMatchObject({
    decision: 'Denied',
    reason: 'no rule allows it',
    rule: null,
    rows: [],
  });
  const { matrix } = await pageOf({ policy: INVOICES }, null);
  const open = { ...matrix, unlisted: 'allow' } as const;
  expect(describe(open, 'viewer', 'invoices', 'write')).toMatchObject({
    decision: 'Allowed',
    reason: 'no rule denies it',
    rule: null,
  });
});

test('a cell that was granted later names the rules that are not defined', async () => {
  const added = [
    ['p', 'viewer', 'ledger', 'read'],
    ['g', 'temp', 'viewer'],
    ['g', 'a', 'temp'],
  ];
  expect(await explain('temp', 'ledger', 'read', added)).toMatchObject({
    decision: 'Allowed',
    reason: 'unlike the definition, which denies it; inherited from viewer',
    rows: [4, 5],
    added: ['p, viewer, ledger, read', 'g, temp, viewer'],
  });
});

test('a cell is explained by who added its rule and the links to it, where that is known', async () => {
  const lines = [
    ...linesOf(INVOICES),
    ['p', 'viewer', 'ledger', 'read'],
    ['g', 'bob', 'ledger'],
    ['g', 'temp', 'clerk'],
    ['p', 'temp', 'x', 'y'],
  ];
  const page = await pageOf({ policy: INVOICES }, stored(lines), ({ ptype, values }) =>
    values.includes('ledger') || values.includes('temp')
      ? {
          rule: [ptype, ...values],
          at: new Date('2026-11-27T15:37:01Z'),
          ...{ actor: 'jane', reason: 'ticket 7', role: 'app', application: null },
        }
      : null,
  );
  expect(describe(page.matrix, 'clerk', 'ledger', 'read').granted).toEqual([
    'p, viewer, ledger, read — by jane, 2026-11-27 15:37 UTC: ticket 7',
  ]);
  expect(describe(page.matrix, 'clerk', 'invoices', 'write').granted).toEqual([]);
  expect(describe(page.matrix, 'temp', 'invoices', 'write').granted).toEqual([
    'g, temp, clerk — by jane, 2026-11-27 15:37 UTC: ticket 7',
  ]);
  expect(Object.keys(page.matrix.granted), 'and of no row that no cell needs').toEqual(['4', '6', '7']);
});

test('a cell whose rule is missing is explained by the definition', async () => {
  const page = await pageOf({ policy: INVOICES }, stored([['p', 'clerk', 'invoices', 'write']]));
  expect(describe(page.matrix, 'viewer', 'invoices', 'read')).toMatchObject({
    decision: 'Denied',
    reason: 'unlike the definition, which allows it',
    rule: { text: 'p, viewer, invoices, read', id: null, state: 'missing' },
    rows: [],
    added: [],
  });
});

test.each([
  ['open', -1, 'Allowed', 'no rule denies it'],
  ['inherited', 0, 'Allowed', 'inherited from viewer'],
  ['inherited', 1, 'Allowed', 'by a rule that is for others too'],
  ['denied', 0, 'Denied', 'by a rule for viewer'],
  ['denied', 1, 'Denied', 'by a rule'],
  ['added', 1, 'Allowed', 'unlike the definition, which denies it'],
  ['missing', 0, 'Denied', 'unlike the definition, which allows it through viewer'],
  ['error', 2, 'Denied', 'Casbin throws: it is broken'],
  [null, -1, 'Denied', 'no rule allows it'],
] as const)('a cell that is %s, by the route %i, is %s: %s', async (state, route, decision, reason) => {
  const { matrix } = await pageOf({ policy: INVOICES }, null);
  const routes = [
    { path: ['clerk', 'editor', 'viewer'], ids: [], added: [], error: null },
    { path: ['clerk'], ids: [], added: [], error: null },
    { path: [], ids: [], added: [], error: 'it is broken' },
  ];
  const cell = { state, rule: -1, route };
  expect(describeCell({ ...matrix, routes }, cell, 0, 0)).toMatchObject({ decision, reason });
  if (state !== null) return;
  const open = { ...matrix, unlisted: 'allow' } as const;
  expect(describeCell(open, cell, 0, 0)).toMatchObject({ decision: 'Allowed', reason: 'no rule denies it' });
});

test('the command has the subject where the model has it', async () => {
  const { matrix } = await pageOf({ policy: INVOICES }, null);
  const { command } = describe({ ...matrix, subjectAt: 1 }, 'clerk', 'invoices', 'write');
  expect(command).toBe('casbin-bootstrap explain invoices clerk write');
});

test('the command in the message treats each value as one word', async () => {
  const line = ['p', "it's", '$(reboot)', '-x'];
  expect(await explain("it's", '$(reboot)', '-x', [line])).toMatchObject({
    command: `casbin-bootstrap explain -- 'it'\\''s' '$(reboot)' -x`,
  });
});

async function explain(role: string, resource: string, action: string, added: string[][] = []) {
  const { matrix } = await pageOf({ policy: INVOICES }, stored([...linesOf(INVOICES), ...added]));
  return describe(matrix, role, resource, action);
}

function describe(matrix: PageMatrix, role: string, resource: string, action: string) {
  const roleAt = matrix.roles.findIndex(({ name }) => name === role);
  const at = matrix.permissions.findIndex(([one, other]) => one === resource && other === action);
  return describeCell(matrix, cellFinder(matrix)(roleAt, at), roleAt, at);
}
