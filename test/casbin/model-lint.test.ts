import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newEnforcer, newModelFromString, StringAdapter, Util } from 'casbin';
import { describe, expect, test } from 'vitest';
import { loadModelFile } from '../../src/casbin/model-file.ts';
import { lintModel } from '../../src/casbin/model-lint.ts';
import { writeTemporary } from '../policy/temporary-file.ts';
import { plainEnforcer } from '../proofs/mutation/truth.fixture.ts';
import { modelText } from './models.fixture.ts';

function messagesOf(changes: Parameters<typeof modelText>[0], isConfigured = false): string[] {
  const model = newModelFromString(modelText(changes));
  return lintModel(
    model,
    new Set(['keyMatch', 'ipMatch', 'regexMatch', 'keyGet2']),
    (key) => key,
    isConfigured,
  ).map(({ message }) => message);
}

describe('an effect', () => {
  const p = 'sub, obj, act, eft';

  test.each([
    'some(where (p.eft == allow))',
    '!some(where (p.eft == deny))',
    'some(where (p.eft == allow)) && !some(where (p.eft == deny))',
    'priority(p.eft) || deny',
    'subjectPriority(p.eft) || deny',
  ])('that Casbin knows is accepted: %s', (e) => {
    expect(messagesOf({ p, e })).toEqual([]);
  });

  test('that Casbin does not support is refused with the list of supported ones', () => {
    expect(messagesOf({ p, e: 'some(where (p.eft == maybe))' })).toEqual([
      'Casbin does not support the effect "some(where (p.eft == maybe))". Use one of "some(where (p.eft == allow))", "!some(where (p.eft == deny))", "some(where (p.eft == allow)) && !some(where (p.eft == deny))", "priority(p.eft) || deny", "subjectPriority(p.eft) || deny".',
    ]);
  });
});

describe('the effect subjectPriority', () => {
  const e = 'subjectPriority(p.eft) || deny';
  const g = ['g = _, _, _'];
  const m = 'g(r.sub, p.sub, r.dom)';
  const r = 'sub, obj, dom';

  test('is accepted where Casbin finds parents and domains of links', () => {
    expect(messagesOf({ e, p: 'sub, obj, act, eft' })).toEqual([]);
    expect(messagesOf({ e, g, m, r, p: 'sub, obj, dom, eft' })).toEqual([]);
  });

  test('is refused where Casbin would silently leave the rules in their order', () => {
    const cannot = (first: string, fields: string) =>
      `under subjectPriority, Casbin can order rules only if "p" begins with ${first}, but it is ${fields}. Change its fields, or use priority(p.eft) || deny.`;
    const plain = 'sub, obj, and has no dom';
    expect(messagesOf({ e, p: 'eft, sub, obj, act' })).toEqual([cannot(plain, 'eft, sub, obj, act')]);
    expect(messagesOf({ e, p: 'sub, act, obj' })).toEqual([cannot(plain, 'sub, act, obj')]);
    expect(messagesOf({ e, p: 'sub, obj, act, dom' })).toEqual([cannot(plain, 'sub, obj, act, dom')]);
    expect(messagesOf({ e, g, m, r, p: 'sub, dom, obj' })).toEqual([
      cannot('sub, obj, dom', 'sub, dom, obj'),
    ]);
  });

  test('is accepted with other fields where configureEnforcer may tell Casbin where they are', () => {
    expect(messagesOf({ e, p: 'sub, act, obj' }, true)).toEqual([]);
  });

  test('is refused without a role definition', () => {
    expect(messagesOf({ e, g: ['g2 = _, _'], m: 'r.sub == p.sub' })).toEqual([
      'under subjectPriority, Casbin orders rules by the links of "g", which is not defined. Add g = _, _ under [role_definition].',
    ]);
  });

  test('orders nothing with other fields, in Casbin itself', async () => {
    const decide = async (p: string, rules: string[][]) => {
      const text = modelText({ e, p, m: 'g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act' });
      const links = [{ ptype: 'g', values: ['ann', 'clerk'] }];
      const enforcer = await plainEnforcer(text, [
        ...rules.map((values) => ({ ptype: 'p', values })),
        ...links,
      ]);
      return enforcer.enforceSync('ann', 'x', 'read');
    };
    expect(
      await decide('sub, obj, act, eft', [
        ['clerk', 'x', 'read', 'deny'],
        ['ann', 'x', 'read', 'allow'],
      ]),
    ).toBe(true);
    expect(
      await decide('sub, act, obj, eft', [
        ['clerk', 'read', 'x', 'deny'],
        ['ann', 'read', 'x', 'allow'],
      ]),
    ).toBe(false);
  });
});

test('fields without a name are reported once, and not as fields with the same name', () => {
  expect(messagesOf({ r: 'sub, obj, act,,' })).toEqual([
    'field 4 of "r" has no name. Name it, or remove the extra comma.',
  ]);
});

test('fields without commas between them are reported', () => {
  expect(messagesOf({ p: 'sub, obj act, eft' })).toContain(
    'field "obj act" of "p" has blanks in its name. Separate fields by commas.',
  );
});

test('a role definition needs at least two places', () => {
  expect(messagesOf({ g: ['g = _, _', 'g2 = _, parent'] })).toEqual([
    'role definition "g2 = _, parent" has fewer than two places. Write g2 = _, _.',
  ]);
});

test('a message has a name as it is written in the matcher', () => {
  expect(messagesOf({ m: 'tr_sub == p.sub' })).toEqual([
    'matcher "m" uses "tr_sub", which is not defined: Casbin would silently deny. Use one of r.sub, r.obj, r.act, p.sub, p.obj, p.act, or define it.',
  ]);
});

test('a matcher may evaluate the texts of rules', () => {
  expect(messagesOf({ m: 'eval(p.sub) && keyMatch(r.obj, p.obj)' })).toEqual([]);
});

describe('a call of a function of Casbin', () => {
  const called = (call: string, given: string) =>
    `matcher "m" calls "${call}" with ${given}, and it takes 2: Casbin takes a missing one for an empty text. Correct the call.`;

  test('has two arguments, because Casbin takes a missing one for an empty text', async () => {
    const m = 'r.sub == p.sub && regexMatch(r.obj) && r.act == p.act';
    const policy = new StringAdapter('p, alice, data, read');
    const enforcer = await newEnforcer(newModelFromString(modelText({ m })), policy);
    await expect(enforcer.enforce('alice', 'anything', 'read')).resolves.toBe(true);
    expect(messagesOf({ m })).toEqual([called('regexMatch', '1 argument')]);
    expect(messagesOf({ m: 'keyMatch(r.obj, p.obj, r.act)' })).toEqual([called('keyMatch', '3 arguments')]);
    expect(messagesOf({ m: 'keyGet2(r.obj, p.obj, "id") == r.act' })).toEqual([]);
  });

  test('may be one of an own function of that name', () => {
    expect(messagesOf({ m: 'keyMatch(r.obj)' }, true)).toEqual([]);
  });

  test('is suggested for one of a similar name', () => {
    const message = (name: string, remedy: string) =>
      `matcher "m" calls "${name}", which is neither a role definition nor a Casbin function. ${remedy} under [role_definition], or add it in configureEnforcer.`;
    expect(messagesOf({ m: 'keymatch(r.obj, p.obj)' })).toEqual([
      message('keymatch', 'Did you mean keyMatch? If not, define it'),
    ]);
    expect(messagesOf({ m: 'isOwner(r.obj, p.obj)' })).toEqual([message('isOwner', 'Define it')]);
  });
});

test('a pattern in a matcher is one that Casbin takes', () => {
  const m = (pattern: string) => `r.sub == p.sub && regexMatch(r.obj, "${pattern}")`;
  expect(messagesOf({ m: m('^/[a-z]+$') })).toEqual([]);
  expect(messagesOf({ m: m('[') })).toEqual([
    'matcher "m" gives regexMatch the pattern "[", and Casbin throws: Invalid regular expression: /[/: Unterminated character class. Correct it.',
  ]);
});

describe('an "in" of a matcher that Casbin does not read as it is meant is refused', () => {
  const joined = 'beside && or ||, which Casbin joins first, so it looks for another value';
  const alone = 'with one text after it, so Casbin throws';

  test.each([
    ['r.act in ("read", "write") && r.obj == p.obj', joined],
    ['r.obj == "data" || r.sub in ("alice", "bob")', joined],
    ['r.obj == p.obj && r.sub in ("alice")', alone],
    ['r.sub in p.sub', alone],
  ])('%s', async (m, fault) => {
    const denied = newEnforcer(
      newModelFromString(modelText({ m })),
      new StringAdapter('p, alice, data, read'),
    ).then((enforcer) => enforcer.enforce('alice', 'data', 'read').catch(() => false));
    expect(await denied).toBe(false);
    expect(messagesOf({ m })).toEqual([
      `matcher "m" has an "in" ${fault}. Write it in parentheses, and the list in brackets: (r.sub in ["a", "b"]).`,
    ]);
  });

  test.each([
    '(r.act in ["read", "write"]) && r.obj == p.obj',
    'r.obj == p.obj && r.sub in ("alice", "bob")',
    'r.sub in ("alice", "bob") || r.obj == "root"',
    'r.obj == "root" || (r.sub in ["alice"])',
    'r.sub in r.obj.Owners',
  ])('and no other: %s', (m) => {
    expect(messagesOf({ m })).toEqual([]);
  });
});

test('a matcher that can not be parsed is shown as it is written', () => {
  expect(messagesOf({ m: 'r.sub = p.sub' })).toEqual([expect.stringMatching(/Correct it: r\.sub = p\.sub$/)]);
});

test('an address range in a matcher is one that Casbin reads as it is written', () => {
  const m = (range: string) => `r.sub == p.sub && ipMatch(r.obj, "${range}")`;
  expect(messagesOf({ m: m('10.0.0.0/8') })).toEqual([]);
  expect(messagesOf({ m: m('10.0.0.0/ 8 ') })).toEqual([]);
  expect([
    Util.ipMatchFunc('10.1.2.3', '10.0.0.0/ 8 '),
    Util.ipMatchFunc('11.0.0.1', '10.0.0.0/ 8 '),
  ]).toEqual([true, false]);
  expect(messagesOf({ m: m('10.0.0.0/33') })).toEqual([
    'matcher "m" gives ipMatch the address range "10.0.0.0/33", and its mask is not a number from 0 to 32. Correct it.',
  ]);
  expect(messagesOf({ m: m('10.0.0') })).toEqual([
    'matcher "m" gives ipMatch the address range "10.0.0", and it is not an IP address. Correct it.',
  ]);
});

describe('a model file', () => {
  const createFile = () => writeTemporary('model.conf', modelText());

  test('that can not be read is reported with the code of the system', async () => {
    const path = join(await createFile(), 'inner.conf');
    expect(loadModelFile(path)).toEqual({
      model: null,
      problems: [
        {
          code: 'MODEL_NOT_FOUND',
          at: path,
          message: "the model file can't be read (ENOTDIR). Give the path of a Casbin .conf file.",
        },
      ],
    });
  });

  test('with a NUL in its path is named by characters that can be seen', () => {
    expect(loadModelFile('a\0b\0c.conf')).toMatchObject({ problems: [{ at: 'a\\0b\\0c.conf' }] });
  });

  test('is read again each time, and knows the place of a definition', async () => {
    const path = await createFile();
    const first = loadModelFile(path);
    expect(first.model !== null && first.locate('m')).toBe(`${path}:11:1`);
    await writeFile(path, modelText({ m: 'true' }));
    expect(loadModelFile(path).model?.model.get('m')?.get('m')?.value).toBe('true');
  });
});
