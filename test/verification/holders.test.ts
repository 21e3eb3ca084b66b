import { setImmediate } from 'node:timers/promises';
import { newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import { findNeeded } from '../../src/verification/causes.ts';
import { breathe, paced } from '../../src/verification/decide.ts';
import { type FindHolders, holdersAmong, summarizeHolders } from '../../src/verification/drift.ts';
import { modelText, rule } from './verify.fixture.ts';

const model = newModelFromString(modelText({ g: ['g = _, _, _', 'g2 = _, _'] }));

describe('who has a role', () => {
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
    const [found] = await holdersAmong(model, rules)([role], { ptypes, definedRoles });
    return found?.names;
  }

  test('is who inherits from it and is no role to others', async () => {
    expect(await namesOf({ name: 'viewer', domain: null })).toEqual(['cid', 'ann', 'ben']);
    expect(await namesOf({ name: 'clerk', domain: null })).toEqual(['ann', 'ben']);
    expect(await namesOf({ name: 'ann', domain: null })).toEqual(['ann']);
  });

  test('is who does so in its domain', async () => {
    expect(await namesOf({ name: 'viewer', domain: 'one' })).toEqual(['ann']);
    expect(await namesOf({ name: 'viewer', domain: 'two' })).toEqual(['cid', 'ben']);
    expect(await namesOf({ name: 'viewer', domain: 'three' })).toEqual([]);
  });

  test('is none of the roles that the definition names', async () => {
    expect(await namesOf({ name: 'viewer', domain: 'two' }, ['cid'])).toEqual(['ben']);
    expect(await namesOf({ name: 'ann', domain: null }, ['ann'])).toEqual([]);
  });

  test('is found by the role definitions of subjects', async () => {
    expect(await namesOf({ name: 'viewer', domain: null }, [], ['g2'])).toEqual(['file']);
    expect(await namesOf({ name: 'viewer', domain: null }, [], [])).toEqual(['viewer']);
  });

  test('is told for each of several roles', async () => {
    const roles = [
      { name: 'clerk', domain: 'one' },
      { name: 'clerk', domain: 'two' },
    ];
    const found = await holdersAmong(model, rules)(roles, { ptypes: ['g'], definedRoles: [] });
    expect(found).toEqual([
      { names: ['ann'], count: 1, more: false },
      { names: ['ben'], count: 1, more: false },
    ]);
  });

  test('is named up to five times, and counted up to ten thousand', async () => {
    const countOf = async (size: number) => {
      const many = Array.from({ length: size }, (_, n) => ({ ptype: 'g2', values: [`u${n}`, 'all'] }));
      const find = holdersAmong(model, many);
      return (await find([{ name: 'all', domain: null }], { ptypes: ['g2'], definedRoles: [] }))[0];
    };
    const names = ['u0', 'u1', 'u2', 'u3', 'u4'];
    expect(await countOf(6)).toEqual({ names, count: 6, more: false });
    expect(await countOf(10_000)).toEqual({ names, count: 10_000, more: false });
    expect(await countOf(10_005)).toEqual({ names, count: 10_000, more: true });
    expect(summarizeHolders(['a'], 10_001)).toEqual({ names: ['a'], count: 10_000, more: true });
  });
});

describe('candidates that are enough', () => {
  const letters = [...'abcdefghij'];

  test.each([['a'], ['j'], ['aj'], ['cdf'], ['abcdefghij'], ['']])(
    'are found among others, and none for nothing: %j',
    async (needed) => {
      const isEnough = async (some: readonly string[]) =>
        [...needed].every((letter) => some.includes(letter));
      expect((await findNeeded(isEnough, letters)).toSorted().join('')).toBe(needed);
    },
  );

  test('are the first ones where several would do', async () => {
    const isEnough = async (some: readonly string[]) => some.includes('c') || some.includes('g');
    expect(await findNeeded(isEnough, letters)).toEqual(['c']);
  });

  test('are all that are needed where not even all would do', async () => {
    let asked = 0;
    await findNeeded(async () => {
      asked += 1;
      return false;
    }, letters);
    expect(asked).toBeLessThan(100);
  });

  test('are none of none', async () => {
    expect(await findNeeded(async () => false, [])).toEqual([]);
  });
});

describe('work that takes long', () => {
  test('goes through all items in their order', async () => {
    const seen: number[] = [];
    for await (const item of paced([3, 1, 2])) seen.push(item);
    expect(seen).toEqual([3, 1, 2]);
  });

  test('lets other work be done between two items', async () => {
    const seen: string[] = [];
    const others = (async () => {
      await setImmediate();
      seen.push('other work');
    })();
    for await (const item of paced(slowItems(3))) seen.push(item);
    await others;
    expect(seen[0]).toBe('item 0');
    expect(seen.at(-1)).toBe('item 2');
    expect(seen.toSorted()).toEqual(['item 0', 'item 1', 'item 2', 'other work']);
  });

  test('lets other work be done where it takes a breath', async () => {
    const seen: string[] = [];
    const others = setImmediate().then(() => seen.push('other work'));
    await breathe();
    seen.push('breathed');
    await others;
    expect(seen).toEqual(['other work', 'breathed']);
  });

  /** Items each of which keeps the process busy for longer than it should be. */
  function* slowItems(count: number): Generator<string, void> {
    for (let index = 0; index < count; index++) {
      yield `item ${index}`;
      const started = performance.now();
      while (performance.now() - started < 25) {
        // busy
      }
    }
  }
});
