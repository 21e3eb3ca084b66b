import { newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import { hashText } from '../../src/collections.ts';
import { createDecider } from '../../src/verification/decide.ts';
import { Matrix, withoutRepetition } from '../../src/verification/request-matrix.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { verifyRules } from './verify.fixture.ts';

/** Two names that have the same hash at the beginning of what is hashed. */
const [one, other] = ['xfavxm', 'tcdqnj'];

const model = newModelFromString(modelText({ m: 'r.obj == p.obj && r.act == p.act && g(r.sub, p.sub)' }));
const rules = [{ ptype: 'p', values: ['ann', one, 'read'] }];

describe('two names with the same hash', () => {
  test('are these', () => {
    expect(hashText(one, 0)).toBe(hashText(other, 0));
  });

  test('are two permissions', () => {
    const permissions = [one, other, one].map((name) => ['', name, 'read']);
    expect(withoutRepetition(permissions, 0)).toEqual(permissions.slice(0, 2));
    const matrix = new Matrix(0, [{ subjects: ['ann'], permissions: permissions.slice(0, 2) }]);
    expect(matrix.numbersOf([['ann', other, 'read']])).toEqual(new Set([1]));
    expect(matrix.numbersOf([['ann', one, 'read']])).toEqual(new Set([0]));
  });

  test('are not both allowed by a rule for one of them', async () => {
    const { decide } = await createDecider(model, rules);
    expect(await decide(['ann', one, 'read'])).toMatchObject({ allowed: true });
    expect(await decide(['ann', other, 'read'])).toMatchObject({ allowed: false });
  });

  test('are separate in a report', async () => {
    const definition = {
      rules: [
        ['p', 'ann', one, 'read'],
        ['p', 'bob', other, 'read'],
      ],
    };
    const lines = definition.rules.map((values) => values.join(', '));
    const report = await verifyRules(modelText(), definition, [...lines, `p, bob, ${one}, read`]);
    expect(report).toMatchObject({ ok: true, checks: 6, allowed: 3 });
    expect(report.drift.map(({ request }) => request)).toEqual([['bob', one, 'read']]);
  });
});

test('a policy of many permissions is asked for each of them once', () => {
  const permissions = Array.from({ length: 300 }, (_, n) => [
    '',
    `data${n % 150}`,
    n % 2 === 0 ? 'read' : 'write',
  ]);
  expect(withoutRepetition(permissions, 0)).toEqual(permissions.slice(0, 150));
});
