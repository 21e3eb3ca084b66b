import { newModel } from 'casbin';
import { describe, expect, test } from 'vitest';
import { defaultModelPath } from '../../src/index.ts';
import { completeOptions } from '../../src/options/resolve.ts';
import { decidePageMatrix } from '../../src/page/page-matrix.ts';
import type { PagePolicy } from '../../src/page/page-policy.ts';
import { renderResult } from '../../src/page/render-result.ts';
import { toRule } from '../../src/policy/rule.ts';
import { RuleSet } from '../../src/policy/rule-set.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { pageOf, stored } from './page.fixture.ts';

const GENEROUS = { roles: 100, permissions: 100, cells: 100 };

describe('a page of a large policy', () => {
  test('has as many roles and permissions as it may, and counts the others', async () => {
    const policy = await policyOf(grid(6, 4));
    const { matrix, omitted } = await decidePageMatrix(policy, { ...GENEROUS, roles: 4, permissions: 3 });
    expect(matrix.roles.map(({ name }) => name)).toEqual(['role 0', 'role 1', 'role 2', 'role 3']);
    expect(matrix.permissions).toHaveLength(3);
    expect(matrix.roles.map(({ cells }) => cells.at)).toEqual(Array(4).fill([0, 1, 2]));
    expect(omitted).toEqual({ roles: 2, permissions: 1 });
  });

  test('has no role without all of its cells', async () => {
    const policy = await policyOf(grid(6, 4));
    const { matrix, omitted } = await decidePageMatrix(policy, { ...GENEROUS, cells: 10 });
    expect(matrix.roles.map(({ cells }) => cells.at.length)).toEqual([4, 4]);
    expect(omitted).toEqual({ roles: 4, permissions: 0 });
    const fewer = await decidePageMatrix(policy, { ...GENEROUS, cells: 7 });
    expect(fewer.matrix.roles).toHaveLength(1);
  });

  test('has no role without all of its cells, whichever of the two policies has more', async () => {
    const policy = await policyOf(grid(6, 4));
    const [few, many] = [grid(1, 1).map(toRule), grid(6, 4).map(toRule)];
    for (const [defined, rules] of [
      [few, many],
      [many, few],
      [many, many],
    ] as const) {
      const compared = { ...policy, rules, defined: new RuleSet(defined) };
      const { matrix } = await decidePageMatrix(compared, { ...GENEROUS, cells: 10 });
      expect(matrix.roles.map(({ cells }) => cells.at.length)).toEqual([4, 4]);
    }
  });

  test('leaves nothing out that there is room for', async () => {
    const { omitted } = await decidePageMatrix(await policyOf(grid(6, 4)), GENEROUS);
    expect(omitted).toEqual({ roles: 0, permissions: 0 });
  });

  test('has 1,000 roles, and counts the others', async () => {
    const rules = Array.from({ length: 1_003 }, (_, n) => ['p', `role ${n}`, 'x', 'read']);
    const { matrix, omitted } = await pageOf({ policy: { rules } }, null);
    expect(matrix.roles).toHaveLength(1_000);
    expect(omitted).toMatchObject({ roles: 3, permissions: 0 });
  });

  test('of roles without permissions leaves nothing out', async () => {
    const { omitted } = await pageOf({ policy: { rules: [['g', 'a', 'b']] } }, null);
    expect(omitted).toMatchObject({ roles: 0, permissions: 0 });
  });

  test('names 20,000 users, and counts the others', async () => {
    const rules = [['p', 'clerk', 'x', 'read']];
    const users = Array.from({ length: 20_003 }, (_, n) => ['g', `user ${n}`, 'clerk']);
    const page = await pageOf({ policy: { rules } }, stored([...rules, ...users]));
    expect(page.matrix.users).toHaveLength(20_000);
    expect(page.omitted.users).toBe(3);
    expect(page.holders.get('clerk')).toBe(20_003);
    expect(renderResult(page).text).toContain('<small>20,003 users</small>');
  });

  test('draws 24 hierarchies, and counts the others', async () => {
    const model = newModel();
    model.loadModelFromText(
      modelText({
        r: 'sub, dom, obj',
        p: 'sub, dom, obj',
        g: ['g = _, _, _'],
        m: 'g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj',
      }),
    );
    const rules = Array.from({ length: 30 }, (_, n) => [
      ['p', 'clerk', `t${n}`, 'x'],
      ['g', 'boss', 'clerk', `t${n}`],
    ]).flat();
    const { hierarchies, omitted } = await pageOf({ model, policy: { rules } }, null);
    expect(hierarchies).toHaveLength(24);
    expect(omitted.hierarchies).toBe(6);
  });
});

function grid(roles: number, permissions: number): string[][] {
  return Array.from({ length: roles }, (_, role) =>
    Array.from({ length: permissions }, (__, n) => ['p', `role ${role}`, `resource ${n}`, 'read']),
  ).flat();
}

async function policyOf(lines: readonly (readonly string[])[]): Promise<PagePolicy> {
  const { model } = await completeOptions({ model: defaultModelPath, policy: { rules: lines } }, []);
  const rules = lines.map(toRule);
  return { model, configureEnforcer: undefined, rules, defined: null, roleRules: rules, listed: [] };
}
