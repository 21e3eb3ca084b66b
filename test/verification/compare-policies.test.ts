import { newModelFromString } from 'casbin';
import { expect, test } from 'vitest';
import { comparePolicies, type PolicyPair } from '../../src/verification/compare-policies.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { rulesOf } from './verify.fixture.ts';

/** How two policies differ, with the requests as lines. */
async function changesOf(
  before: readonly string[],
  after: readonly string[],
  {
    configureEnforcer,
    listed = [],
    ...changes
  }: Parameters<typeof modelText>[0] & Partial<Pick<PolicyPair, 'configureEnforcer' | 'listed'>> = {},
) {
  const { more, less, omitted } = await comparePolicies({
    ...{ model: newModelFromString(modelText(changes)), configureEnforcer, listed },
    ...{ before: rulesOf(before), after: rulesOf(after) },
  });
  const linesOf = (some: typeof more) => some.map(({ request }) => request.join(', '));
  return { more: linesOf(more), less: linesOf(less), omitted };
}

test('a permission that only the earlier policy names is compared', async () => {
  const before = ['p, user, data, read', 'p, user, logs, read'];
  expect(await changesOf(before, before.slice(0, 1))).toMatchObject({ more: [], less: ['user, logs, read'] });
});

test('a request is listed once, although two domains ask for it', async () => {
  const before = ['p, chief, three, logs, read', 'g, ann, admin, one', 'g, ann, admin, two'];
  const { more } = await changesOf(before, [...before, 'p, *, three, logs, read'], {
    ...{ r: 'sub, dom, obj, act', p: 'sub, dom, obj, act', g: ['g = _, _, _'] },
    m: '(g(r.sub, p.sub, r.dom) || p.sub == "*") && r.dom == p.dom && r.obj == p.obj && r.act == p.act',
  });
  expect(more.filter((line) => line.startsWith('ann'))).toEqual(['ann, three, logs, read']);
});

test('both policies are decided by enforcers that the application configures', async () => {
  const parts: Parameters<typeof changesOf>[2] = {
    m: 'r.sub == p.sub && fits(r.obj, p.obj) && r.act == p.act',
    listed: ['data', 'logs'].map((resource) => ['user', resource, 'read']),
    configureEnforcer: async (enforcer) => {
      await enforcer.addFunction('fits', (asked: string, given: string) => asked === given);
    },
  };
  expect(await changesOf(['p, user, data, read'], ['p, user, logs, read'], parts)).toMatchObject({
    more: ['user, logs, read'],
    less: ['user, data, read'],
  });
});

test('the rules that are new are those of the path that is shown', async () => {
  const before = rulesOf(['g, ann, clerk', 'g, clerk, boss']);
  const { more } = await comparePolicies({
    ...{ model: newModelFromString(modelText()), configureEnforcer: undefined, listed: [], before },
    after: [...before, ...rulesOf(['g, ann, boss', 'p, boss, data, read'])],
  });
  expect(more.find(({ request }) => request[0] === 'ann')?.after).toMatchObject({
    rolePath: ['ann', 'clerk', 'boss'],
    added: [['p', 'boss', 'data', 'read']],
    reason: 'by "p, boss, data, read", through ann → clerk → boss',
  });
});

test('ten thousand changes of each kind are listed, and the rest is counted', async () => {
  const permissions = Array.from({ length: 101 }, (_, n) => `p, role, data${n}, read`);
  const links = Array.from({ length: 99 }, (_, n) => `g, user${n}, role`);
  const { more, omitted } = await changesOf([], [...permissions, ...links]);
  expect(more).toHaveLength(10_000);
  expect(omitted).toEqual({ more: 100, less: 0 });
});
