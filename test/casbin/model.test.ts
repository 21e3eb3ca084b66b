import { newModel, newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import {
  copyModel,
  describeMissingDefinition,
  findMissingDefinitions,
  ruleLengthsOf,
  tokensOf,
} from '../../src/casbin/model.ts';
import { modelText } from './models.fixture.ts';

describe('a model without definitions', () => {
  test('is reported with each definition that it lacks, by the name of its section', () => {
    expect(findMissingDefinitions(newModel())).toEqual(
      [
        ['request_definition', 'r'],
        ['policy_definition', 'p'],
        ['policy_effect', 'e'],
        ['matchers', 'm'],
      ].map(([section, key]) => ({
        code: 'MODEL_SECTION_MISSING',
        at: 'model',
        message: `section [${section}] defines no "${key}". Casbin needs it: add ${key} = …`,
      })),
    );
  });

  test.each([['mx'], ['mx2'], ['m2x'], ['am2'], ['m'.repeat(2)], ['2'], ['x2']])(
    'does not get the advice to rename a definition that is called %s',
    (other) => {
      expect(describeMissingDefinition('matchers', 'm', [other])).toBe(
        'section [matchers] defines no "m". Casbin needs it: add m = …',
      );
    },
  );

  test('gets the advice to rename a definition that only an EnforceContext uses', () => {
    expect(describeMissingDefinition('matchers', 'm', ['mx', 'm12'])).toBe(
      'section [matchers] defines "m12" and no "m". Casbin uses "m12" only for requests with an EnforceContext. An enforcer needs "m" too, and decisions are verified by r, p, e and m: rename "m12" to "m", or add m = …',
    );
  });
});

describe('a definition', () => {
  const model = newModelFromString(
    modelText({ p: 'sub, obj\np2 = sub, obj, act, eft', g: ['g = _, _', 'g2 = _, _, _'] }),
  );

  test('has the names of its fields, and none if it is missing', () => {
    expect(tokensOf(model, 'r')).toEqual(['sub', 'obj', 'act']);
    expect(tokensOf(model, 'p')).toEqual(['sub', 'obj']);
    expect(tokensOf(model, 'p', 'p2')).toEqual(['sub', 'obj', 'act', 'eft']);
    expect(tokensOf(model, 'p', 'p3')).toEqual([]);
    expect(tokensOf(newModel(), 'r')).toEqual([]);
  });

  test('says how many values a rule must have', () => {
    expect([...ruleLengthsOf(model)]).toEqual([
      ['p', 2],
      ['p2', 4],
      ['g', 2],
      ['g2', 3],
    ]);
    expect([...ruleLengthsOf(newModel())]).toEqual([]);
  });
});

describe('a copy of a model', () => {
  test('has the same definitions, and no rules', () => {
    const model = newModelFromString(modelText());
    model.addPolicy('p', 'p', ['alice', 'data', 'read']);
    const copy = copyModel(model);
    const describeAll = ({ model: sections }: typeof model) =>
      [...sections].map(([section, definitions]) => [
        section,
        [...definitions].map(([key, definition]) => [
          key,
          definition.key,
          definition.value,
          definition.tokens,
        ]),
      ]);
    expect(describeAll(copy)).toEqual(describeAll(model));
    expect(copy.getPolicy('p', 'p')).toEqual([]);
    copy.model.get('p')?.get('p')?.tokens.push('p_more');
    expect(tokensOf(model, 'p')).toEqual(['sub', 'obj', 'act']);
  });

  test('can not be made of definitions without a text', () => {
    const model = newModelFromString(modelText());
    Reflect.set(model.model.get('m')?.get('m') ?? {}, 'value', undefined);
    expect(() => copyModel(model)).toThrow('the definition "m" has no text');
  });
});
