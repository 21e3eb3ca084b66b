import { newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import { type FindHolders, holdersAmong, summarizeHolders } from '../../src/verification/drift.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { rule } from './verify.fixture.ts';

const model = newModelFromString(modelText({ g: ['g = _, _, _', 'g2 = _, _'] }));

describe('the holders of a role', () => {
  const lines = [
    'g, ann, clerk, one',
    'g, ben, clerk, two',
    'g, clerk, viewer, one',
    'g, clerk, viewer, two',
    'g, cid, viewer, two, cut off',
    'g2, file, viewer',
    'p, eve, viewer, one',
  ];
  const rules = lines.map(rule).map(([ptype = '', ...values]) => ({ ptype, values }));

  async function namesOf(
    role: Parameters<FindHolders>[0][number],
    definedRoles: string[] = [],
    ptypes = ['g'],
  ) {
    const [found] = await holdersAmong(model, rules)([role], { ptypes, everywhere: ['g2'], definedRoles });
    return found?.names;
  }

  test('are subjects that inherit from it and are not roles of others', async () => {
    expect(await namesOf({ name: 'viewer', domain: null })).toEqual(['cid', 'ann', 'ben']);
    expect(await namesOf({ name: 'clerk', domain: null })).toEqual(['ann', 'ben']);
    expect(await namesOf({ name: 'ann', domain: null })).toEqual(['ann']);
  });

  test('are those who do so in its domain', async () => {
    expect(await namesOf({ name: 'viewer', domain: 'one' })).toEqual(['ann']);
    expect(await namesOf({ name: 'viewer', domain: 'two' })).toEqual(['cid', 'ben']);
    expect(await namesOf({ name: 'viewer', domain: 'three' })).toEqual([]);
  });

  test('do not include the roles that the definition names', async () => {
    expect(await namesOf({ name: 'viewer', domain: 'two' }, ['cid'])).toEqual(['ben']);
    expect(await namesOf({ name: 'ann', domain: null }, ['ann'])).toEqual([]);
  });

  test('are found by the role definitions of subjects', async () => {
    expect(await namesOf({ name: 'viewer', domain: null }, [], ['g2'])).toEqual(['file']);
    expect(await namesOf({ name: 'viewer', domain: null }, [], [])).toEqual(['viewer']);
  });

  test('are reported for each of several roles', async () => {
    const roles = [
      { name: 'clerk', domain: 'one' },
      { name: 'clerk', domain: 'two' },
    ];
    const found = await holdersAmong(model, rules)(roles, {
      ptypes: ['g'],
      everywhere: [],
      definedRoles: [],
    });
    expect(found).toEqual([
      { names: ['ann'], count: 1, more: false },
      { names: ['ben'], count: 1, more: false },
    ]);
  });

  test('are named up to five, and counted up to ten thousand', async () => {
    const countOf = async (size: number) => {
      const many = Array.from({ length: size }, (_, n) => ({ ptype: 'g2', values: [`u${n}`, 'all'] }));
      const find = holdersAmong(model, many);
      const links = { ptypes: ['g2'], everywhere: ['g2'], definedRoles: [] };
      return (await find([{ name: 'all', domain: null }], links))[0];
    };
    const names = ['u0', 'u1', 'u2', 'u3', 'u4'];
    expect(await countOf(6)).toEqual({ names, count: 6, more: false });
    expect(await countOf(10_000)).toEqual({ names, count: 10_000, more: false });
    expect(await countOf(10_005)).toEqual({ names, count: 10_000, more: true });
    expect(summarizeHolders(['a'], 10_001)).toEqual({ names: ['a'], count: 10_000, more: true });
  });
});
