import { newModelFromString } from 'casbin';
import { expect, test } from 'vitest';
import { copyModel } from '../../src/casbin/model.ts';
import { decideAll } from '../../src/verification/decide.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { plainEnforcer } from '../proofs/mutation/truth.fixture.ts';

const p = (...values: string[]) => ({ ptype: 'p', values });
const g = (...values: string[]) => ({ ptype: 'g', values });

/** Where it would go wrong to give the enforcer only the rules that seem able to match. */
const HAZARDS = [
  {
    what: 'a rule that becomes a part of the matcher and breaks out of its conjunct',
    m: 'r.obj == p.obj && eval(p.act)',
    rules: [p('ben', 'data', 'false'), p('ann', 'data', 'true) || (true')],
    answer: true,
  },
  {
    what: 'a rule that becomes a part of the matcher and can’t be parsed',
    m: 'r.obj == p.obj && eval(p.act)',
    rules: [p('ann', 'data', '((('), p('ann', 'logs', 'true')],
    answer: 'throws',
  },
  {
    what: 'a rule that becomes a part of the matcher and calls a function',
    m: 'r.obj == p.obj && eval(p.act)',
    rules: [p('ben', 'logs', 'false'), p('ann', 'logs', 'keyMatch(r_obj, "lo*")')],
    answer: true,
  },
  {
    what: 'a role definition that is called twice, and remembers its arguments joined by commas',
    m: 'g(r.sub, p.sub) && g(r.obj, p.obj)',
    rules: [p('x', 'y', ''), p('b,c', 'c', ''), g('a', 'b,c')],
    request: ['a', 'a,b', ''],
    answer: true,
  },
  {
    what: 'no rule that matches, and a request of empty values',
    m: 'r.sub == p.sub && r.obj == p.obj && r.act == p.act',
    rules: [p('ann', 'data', 'read')],
    request: ['', '', ''],
    answer: false,
  },
  {
    what: 'a function that throws on another rule, before the values are compared',
    m: 'regexMatch(r.act, p.act) && r.obj == p.obj',
    rules: [p('ann', 'data', '['), p('ann', 'logs', 'read')],
    answer: 'throws',
  },
  {
    what: 'a function that throws on another rule, after the values were compared',
    m: 'r.obj == p.obj && regexMatch(r.act, p.act)',
    rules: [p('ann', 'data', '['), p('ann', 'logs', 'read')],
    answer: true,
  },
  {
    what: 'a string that Casbin takes for a rule text to evaluate, and puts a value into',
    m: 'r.obj == p.obj && r.act != "eval(p_obj)"',
    rules: [p('ann', 'users', 'read'), p('ann', '" || r_sub != "', 'read')],
    answer: true,
  },
  {
    what: 'a string that Casbin takes for a rule text to evaluate, of a field that is not there',
    m: 'r.obj == p.obj && r.act != "eval(p.obj)"',
    rules: [p('ann', 'data', 'read')],
    answer: 'throws',
  },
  {
    what: 'a rule that becomes a part of the matcher and calls a function',
    m: 'r.obj == p.obj && eval(p.act)',
    rules: [p('ben', 'logs', 'false'), p('ann', 'logs', 'keyMatch(r_obj, "lo*")')],
    answer: true,
  },
  {
    what: 'a role definition that is called twice, and remembers what it said of a rule that can’t match',
    m: 'g(r.sub, p.sub) && g(r.obj, p.obj) && r.act == p.act',
    rules: [p('b,c', 'other', 'write'), p('a', 'c', 'read'), g('a', 'b,c')],
    request: ['a', 'a,b', 'read'],
    answer: true,
  },
  {
    what: 'a role definition that is called for a rule’s value, too, and remembers that',
    m: 'g(r.sub, p.sub) && g(p.obj, r.sub) && r.act == p.act',
    rules: [p('t', 'x', 'write'), p('x', 'x', 'read'), g('x,x', 't'), g('x', 'x,x')],
    request: ['x,x', '', 'read'],
    answer: true,
  },
  {
    what: 'a role definition that is called in two domains, and remembers its arguments joined by commas',
    r: 'sub, dom, obj, act',
    g: ['g = _, _, _'],
    m: 'g(r.obj, p.obj, r.act) && g(r.sub, p.sub, r.dom)',
    rules: [p('other', 'other', 'read'), p('x', 'd', 'read'), g('a,x', 'd', 'e')],
    request: ['a', 'd,e', 'a,x', 'e'],
    answer: true,
  },
  {
    what: 'a literal with characters that are special in a replacement',
    m: 'r.sub == p.sub && r.obj == "a$$$$b"',
    rules: [p('ann', 'data', 'read')],
    request: ['ann', 'a$$b', 'read'],
    answer: true,
  },
  {
    what: 'an alternative to the conjunction',
    m: 'r.sub == p.sub && r.obj == p.obj || p.act == "read"',
    rules: [p('ann', 'data', 'read')],
    answer: true,
  },
];

const LITERALS = ['"a$$$$b"', '"$$`"', `"$$'"`, '"$&"', '"$<1>"', '"$$<0>"', "' r.sub'", `'"'`];

test.each(LITERALS)('a copy of a model has the same literal as the original: %s', (literal) => {
  const model = newModelFromString(modelText({ m: `r.obj == ${literal} && "b" != r.act && r.sub == p.sub` }));

  const copy = copyModel(copyModel(model));

  for (const [section, definitions] of model.model) {
    for (const [key, { value, tokens }] of definitions) {
      expect(copy.model.get(section)?.get(key)).toMatchObject({ key, value, tokens });
    }
  }
});

test.each(HAZARDS)('is decided as by a plain enforcer: $what', async (hazard) => {
  const { what: _, rules, request = ['root', 'logs', 'read'], answer, ...definitions } = hazard;
  const text = modelText(definitions);
  const plain = await plainEnforcer(text, rules);

  const [decided] = await decideAll(newModelFromString(text), rules, [request]);

  if (answer === 'throws') {
    expect(() => plain.enforceSync(...request)).toThrow();
    expect(decided?.error).not.toBeNull();
  } else {
    expect(plain.enforceSync(...request)).toBe(answer);
    expect(decided).toMatchObject({ allowed: answer, error: null });
  }
});
