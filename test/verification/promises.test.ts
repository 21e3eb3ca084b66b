import { newModelFromString } from 'casbin';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ConfigureEnforcer } from '../../src/casbin/enforcer.ts';
import { compilePolicy } from '../../src/policy/compile.ts';
import { RuleSet } from '../../src/policy/rule-set.ts';
import { findDiffering } from '../../src/verification/compare.ts';
import type { Decider } from '../../src/verification/decide.ts';
import { collectPromises } from '../../src/verification/promises.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { promiseOf, rule, verifyRules } from './verify.fixture.ts';

/** A definition whose roles may each do one thing, out of as many. */
function manyRoles(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `p, role${n}, data${n}, read`);
}

/** How often the process could do something else while work was being done. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let [turns, ended] = [0, false];
  const count = () => {
    turns += 1;
    if (!ended) setImmediate(count);
  };
  setImmediate(count);
  await work();
  ended = true;
  return turns;
}

describe('a request that the definition itself can not decide', () => {
  const text = modelText({ m: 'g(r.sub, p.sub) && r.obj == p.obj && ipMatch(r.obj, "10.0.0.0/8")' });
  const lines = ['p, user, 10.1.2.3, read', 'p, user, office, read'];

  test('is not expected to be decided in any way', async () => {
    const { expectations } = await promiseOf(text, { rules: lines.map(rule) });

    const requests = [...expectations].map(({ request }) => request.join(' '));
    expect(requests).toContain('user 10.1.2.3 read');
    expect(requests).not.toContain('user office read');
    expect(expectations.size).toBe(requests.length);
  });

  test('is not a failure of the database', async () => {
    const report = await verifyRules(text, { rules: lines.map(rule) }, [
      ...lines,
      'p, other, 10.1.2.3, read',
    ]);

    expect(report).toMatchObject({ ok: true, failures: [] });
  });
});

test('a listed request for which a function throws is a problem, also if the error has no message', async () => {
  const text = modelText({ m: 'r.sub == p.sub && fits(r.obj, p.obj)' });
  const definition = { rules: [rule('p, user, data, read')], deny: [['user', 'logs', 'read']] };
  const { problems } = await promiseOf(text, definition, async (enforcer) => {
    await enforcer.addFunction('fits', () => {
      throw new Error();
    });
  });

  expect(problems).toMatchObject([{ code: 'EXPECTATION_CONTRADICTED', at: 'policy.deny[0]' }]);
});

test('without the rules that stay away, a never request stays, and others that are not met any more go', async () => {
  const definition = {
    rules: [rule('p, user, data, read')],
    allow: [['user', 'data', 'write']],
    never: [['user', 'data', 'read']],
  };
  const { listed } = await collectPromises(
    newModelFromString(modelText()),
    new RuleSet(compilePolicy(definition)),
    definition,
    { configureEnforcer: undefined, contradicted: 'dropped' },
  );

  expect(listed).toEqual([{ kind: 'never', request: ['user', 'data', 'read'], expected: 'deny' }]);
});

describe('of the requests that no rule can match', () => {
  test('one is decided for all, and not one that a rule matches', async () => {
    const rules = ['p, a, x, read', 'p, b, x, read', 'p, b, y, read'].map(rule);
    const { expectations } = await collectPromises(
      newModelFromString(modelText()),
      new RuleSet(compilePolicy({ rules })),
      {},
      { configureEnforcer: undefined, sampleSize: 0 },
    );

    expect(expectations.countAllowed()).toBe(3);
  });

  /** The numbers of the decisions that a decider is held to which allows everything, and says that no rule matches. */
  async function findDecided(roles: number, sample: { sampleSize?: number }): Promise<number[]> {
    const defined = new RuleSet(compilePolicy({ rules: manyRoles(roles).map(rule) }));
    const options = { configureEnforcer: undefined, ...sample };
    const { expectations } = await collectPromises(newModelFromString(modelText()), defined, {}, options);
    const index = Object.assign(Object.create(null), { reach: () => [], subjectsFor: () => new Set() });
    const careless: Decider = { index, decide: () => ({ allowed: true, rule: [], error: null }) };
    return (await findDiffering(careless, expectations)).differing.map(({ number }) => number);
  }

  // 11 subjects, the one without a role included, × 10 permissions. What is allowed has the numbers 0, 11, 22 … 99.
  test('some from the whole of the matrix are still decided, on the definition and on the database', async () => {
    expect(await findDecided(10, { sampleSize: 0 })).toEqual([]);
    const numbers = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100];
    expect(await findDecided(10, { sampleSize: 11 })).toEqual(numbers);
  });

  // 100 and 101 subjects × 99 and 100 permissions
  test('all are decided of up to 10,000 requests, else a thousand of all requests', async () => {
    expect(await findDecided(99, {})).toHaveLength(9_900 - 99);
    const sample = Array.from({ length: 1_000 }, (_, index) => Math.floor(index * 10.1));
    expect(await findDecided(100, {})).toEqual(sample.filter((number) => number % 101 !== 0));
  });
});

describe('while many requests are decided', () => {
  const lines = manyRoles(10);
  const requests = 11 * 10;

  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  /** Lets time pass, as a decision that takes so long does. */
  const takeFourMs = () => void vi.advanceTimersByTime(4);

  test('on the definition, the process answers others', async () => {
    const model = newModelFromString(modelText());
    const defined = new RuleSet(compilePolicy({ rules: lines.map(rule) }));
    const options = { configureEnforcer: undefined, report: takeFourMs };
    const turns = await turnsDuring(() => collectPromises(model, defined, {}, options));
    expect(turns).toBeGreaterThanOrEqual(Math.floor(requests / 4));
  });

  test('on the database, the process answers others', async () => {
    const { expectations } = await promiseOf(modelText(), { rules: lines.map(rule) });
    const slow: Decider = {
      index: null,
      decide() {
        takeFourMs();
        return { allowed: true, rule: [], error: null };
      },
    };
    const turns = await turnsDuring(() => findDiffering(slow, expectations));
    expect(turns).toBeGreaterThanOrEqual(Math.floor(requests / 4));
  });

  test('on requests that the definition lists, the process answers others', async () => {
    const text = modelText({ m: 'slow() && r.sub == p.sub && r.obj == p.obj && r.act == p.act' });
    const withSlow: ConfigureEnforcer = (enforcer) =>
      enforcer.addFunction('slow', () => {
        vi.advanceTimersByTime(15);
        return true;
      });
    const samples = Array.from({ length: 5 }, (_, n) => [`user${n}`, 'data', 'read']);
    const turns = await turnsDuring(() =>
      promiseOf(text, { rules: [rule('p, user, data, read')], samples }, withSlow),
    );
    expect(turns).toBeGreaterThanOrEqual(4);
  });
});
