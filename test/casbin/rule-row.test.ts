import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findDistorted, readAsStockAdapter } from '../../src/casbin/distortion.ts';
import { isRuleValues, RuleReader } from '../../src/casbin/rule-row.ts';
import { StoredRuleError } from '../../src/errors.ts';
import { readCsvLine } from '../../src/policy/csv.ts';
import { RuleSet } from '../../src/policy/rule-set.ts';
import { DocumentTable } from '../../src/tables/document-table.ts';

const TABLE = new DocumentTable('casbin', 'tenant');

describe('rows', () => {
  test('are rules where they hold one, in their order', () => {
    const rows = [
      { id: 3, ptype: 'p', rule: ['a', 'b'] },
      { id: 1, ptype: 'g', rule: [''] },
    ];
    expect(new RuleReader(TABLE).read(rows)).toEqual([
      { id: 3, ptype: 'p', values: ['a', 'b'] },
      { id: 1, ptype: 'g', values: [''] },
    ]);
  });

  test.each<[unknown, boolean]>([
    [['a'], true],
    [[], false],
    [['a', 1], false],
    [['a', null], false],
    [{ 0: 'a', length: 1 }, false],
    ['a', false],
    [null, false],
  ])('hold a rule when they hold a list of strings: %j', (rule, is) => {
    expect(isRuleValues(rule)).toBe(is);
  });

  test('that come in portions are rules where they hold one, and the others are remembered', () => {
    const reader = new RuleReader(TABLE);
    expect(reader.read([{ id: 1, ptype: 'p', rule: 5 }])).toEqual([]);
    expect(reader.read([{ id: 2, ptype: 'p', rule: ['a'] }])).toEqual([{ id: 2, ptype: 'p', values: ['a'] }]);
    expect(() => reader.requireReadable()).toThrow(StoredRuleError);
  });

  test('share the values of rules that are known', () => {
    const known = { ptype: 'p', values: ['a', 'b'] };
    const reader = new RuleReader(TABLE, new RuleSet([known]));
    const [one, other] = reader.read([
      { id: 7, ptype: 'p', rule: ['a', 'b'] },
      { id: 8, ptype: 'p', rule: ['a', 'c'] },
    ]);
    expect(one).toEqual({ id: 7, ptype: 'p', values: ['a', 'b'] });
    expect(one?.values).toBe(known.values);
    expect(other).toEqual({ id: 8, ptype: 'p', values: ['a', 'c'] });
  });

  test('that hold no rule are all in one error, each with its fault', () => {
    const faults: [unknown, unknown][] = [
      [null, ['a']],
      [undefined, ['a']],
      ['p', null],
      ['p', 'text'],
      ['p', {}],
      ['p', []],
      ['p', ['a', 'b', true]],
      ['p', [['a']]],
      ['p', [{}]],
      ['p', null],
    ];
    const rows = faults.map(([ptype, rule], id) => Object.assign(Object.create(null), { id, ptype, rule }));
    const error = refusal(rows);
    expect(error.ids).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(error.message).toBe(
      'Every rule in table "tenant"."casbin" must be an array of strings, or no enforcer can load it. 10 rows are not (id 0, 1: ptype is null; id 2, 9: rule is null; id 3: rule is a string; id 4: rule is an object; id 5: rule has no values; id 6: value 3 is a boolean; id 7: value 1 is an array; id 8: value 1 is an object). Correct or delete these rows: select id, ptype, rule from "tenant"."casbin" where id in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)',
    );
  });

  test('that hold none are partly shown in the message, and all are in the ids', () => {
    const rows = Array.from({ length: 23 }, (_, id) => ({ id, ptype: 'p', rule: 1 }));
    const error = refusal(rows);
    expect(error.ids).toHaveLength(23);
    expect(error.message).toMatch(/23 rows are not \(id 0, .*, 19: rule is a number; and 3 more\)\./);
    expect(error.message).toMatch(/where id in \(0, .*, 19\)$/);
    expect(refusal(rows.slice(0, 1)).message).toContain('One row is not (id 0: rule is a number).');
    expect(refusal(rows.slice(0, 20)).message).not.toContain('more');
  });
});

function refusal(rows: readonly Record<string, unknown>[]): StoredRuleError {
  const reader = new RuleReader(TABLE);
  reader.read(rows);
  try {
    reader.requireReadable();
  } catch (error) {
    if (error instanceof StoredRuleError) return error;
  }
  return expect.fail('nothing was refused');
}

describe('the stock adapter', () => {
  test.each<[string[], ReturnType<typeof readAsStockAdapter>]>([
    [['admin', 'a/b:c.*@-_9', 'read'], { kind: 'same' }],
    [['say "hi"', 'f(x,y)', ''], { kind: 'same' }],
    [['a,b', 'c'], { kind: 'distorted', values: ['a', 'b', 'c'] }],
    [['the admin', 'c'], { kind: 'same' }],
    [[' admin', 'c'], { kind: 'distorted', values: ['admin', 'c'] }],
    [['admin ', 'c'], { kind: 'distorted', values: ['admin', 'c'] }],
    [[' ', 'c'], { kind: 'distorted', values: ['', 'c'] }],
    [['"q"'], { kind: 'distorted', values: ['q'] }],
    [['f(x'], { kind: 'unloadable', reason: expect.stringMatching(/bracket/) }],
  ])('reads %j so', (values, reading) => {
    expect(readAsStockAdapter({ ptype: 'p', values })).toEqual(reading);
  });

  test('reads any value as one of its own loaders does, also where that is known without one', () => {
    const part = fc.constantFrom(
      'a',
      'Z',
      '9',
      '_',
      '.',
      '/',
      ':',
      '@',
      '*',
      '-',
      ' ',
      '"',
      ',',
      '(',
      ')',
      '#',
      '\t',
    );
    const value = fc.array(part, { maxLength: 5 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 3 }), (values) => {
        const loaded = attempt(() => readCsvLine(['p', ...values].join(', ')));
        const isSame = loaded !== undefined && isDeepStrictEqual(loaded, { ptype: 'p', values });
        expect(readAsStockAdapter({ ptype: 'p', values }).kind === 'same').toBe(isSame);
      }),
      { numRuns: 300 },
    );
  });

  test('reads nothing, or another ptype, from an invalid ptype', () => {
    expect(readAsStockAdapter({ ptype: '# p', values: ['a'] })).toEqual({ kind: 'distorted', values: null });
    expect(readAsStockAdapter({ ptype: 'p,g', values: ['a'] })).toEqual({ kind: 'distorted', values: null });
  });

  test('is reported, with the place, if it reads a rule differently', () => {
    const advice =
      'Avoid commas, quotes, line breaks, unmatched brackets and blanks at the ends of its values.';
    const rules = [
      { ptype: 'p', values: ['a', 'b'], at: 'one' },
      { ptype: 'p', values: ['a,b'], at: 'two' },
      { ptype: 'p', values: ['f(x'], at: 'three' },
      { ptype: '# p', values: ['a'], at: 'four' },
    ];
    expect(findDistorted(rules)).toEqual([
      {
        code: 'VALUE_DISTORTED',
        at: 'two',
        message: `Casbin's own loader can't read the rule "p, "a,b"" as written: it is loaded as "p, a, b". ${advice}`,
      },
      {
        code: 'VALUE_DISTORTED',
        at: 'three',
        message: `Casbin's own loader can't read the rule "p, f(x" as written: it makes every loadPolicy throw. ${advice}`,
      },
      {
        code: 'VALUE_DISTORTED',
        at: 'four',
        message: `Casbin's own loader can't read the rule "# p, a" as written: it is loaded as nothing. ${advice}`,
      },
    ]);
    const [withEmpty] = findDistorted([{ ptype: 'p', values: ['', 'a,b'], at: 'five' }]);
    expect(withEmpty?.message).toContain('unmatched brackets, empty values and blanks at the ends');
  });
});

function attempt<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch {
    return undefined;
  }
}
