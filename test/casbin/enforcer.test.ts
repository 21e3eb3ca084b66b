import { DefaultRoleManager, newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import { buildInMemoryEnforcer, listFunctions, roleAsker } from '../../src/casbin/enforcer.ts';
import { modelText } from './models.fixture.ts';

const model = newModelFromString(modelText({ g: ['g = _, _', 'g2 = _, _, _'] }));

const p = (...values: string[]) => ({ ptype: 'p', values });
const g = (...values: string[]) => ({ ptype: 'g', values });
const g2 = (...values: string[]) => ({ ptype: 'g2', values });

describe('an enforcer in memory', () => {
  test('has just the rules that it is given, in their order, without those that the model lacks', async () => {
    const rules = [p('b', 'data', 'read'), g('ann', 'b'), { ptype: 'p7', values: ['x'] }, p('a', 'data')];
    const enforcer = await buildInMemoryEnforcer(model, rules);
    expect(await enforcer.getPolicy()).toEqual([
      ['b', 'data', 'read'],
      ['a', 'data'],
    ]);
    expect(await enforcer.getGroupingPolicy()).toEqual([['ann', 'b']]);
    expect(await enforcer.enforce('ann', 'data', 'read')).toBe(true);
    expect(model.getPolicy('p', 'p')).toEqual([]);
  });

  test('saves nothing, and says so', async () => {
    const enforcer = await buildInMemoryEnforcer(model, []);
    const refusal = 'This enforcer was made for verification; it saves nothing.';
    await expect(enforcer.addPolicy('a', 'data', 'read')).rejects.toThrow(refusal);
    await expect(enforcer.savePolicy()).rejects.toThrow(refusal);
  });

  test('is configured before it loads', async () => {
    let loaded: string[][] | undefined;
    await buildInMemoryEnforcer(model, [p('a', 'data', 'read')], async (enforcer) => {
      loaded = await enforcer.getPolicy();
    });
    expect(loaded).toEqual([]);
  });
});

describe('the role managers of an enforcer', () => {
  const rules = [g('ann', 'clerk'), g2('desk', 'room', 'north'), p('ann', 'boss', 'read')];

  test('are asked which roles inherit from which, in each role definition and its domains', async () => {
    const ask = roleAsker(model, rules, undefined);
    const question = { ptype: 'g', from: 'ann', to: 'clerk', domains: [] };
    expect(await ask(question)).toBe(true);
    expect(await ask({ ...question, to: 'boss' })).toBe(false);
    expect(await ask({ ...question, from: 'clerk', to: 'ann' })).toBe(false);
    const resource = { ptype: 'g2', from: 'desk', to: 'room', domains: ['north'] };
    expect(await ask(resource)).toBe(true);
    expect(await ask({ ...resource, domains: ['south'] })).toBe(false);
    expect(await ask({ ...resource, ptype: 'g' })).toBe(false);
    expect(await ask({ ...question, ptype: 'g7' })).toBe(false);
  });

  test('are made for the first question, once', async () => {
    let made = 0;
    const ask = roleAsker(model, rules, async (enforcer) => {
      made += 1;
      const manager = new DefaultRoleManager(10);
      await manager.addMatchingFunc((name, pattern) => pattern === '*' || name === pattern);
      enforcer.setRoleManager(manager);
    });
    expect(made).toBe(0);
    const question = { ptype: 'g', from: 'ann', to: 'clerk', domains: [] };
    expect(await ask(question)).toBe(true);
    expect(await ask(question)).toBe(true);
    expect(made).toBe(1);
  });
});

describe('the functions that a matcher may call', () => {
  test("are Casbin's own", async () => {
    const functions = await listFunctions(model);
    expect(functions).toContain('keyMatch');
    expect(functions).toContain('regexMatch');
    expect(functions).not.toContain('isOwner');
  });

  test('are those that configureEnforcer adds, too', async () => {
    const functions = await listFunctions(model, async (enforcer) => {
      await enforcer.addFunction('isOwner', () => true);
    });
    expect(functions).toContain('keyMatch');
    expect(functions).toContain('isOwner');
    expect(await listFunctions(model)).not.toContain('isOwner');
  });
});
