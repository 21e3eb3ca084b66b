import { describe, expect, test } from 'vitest';
import { conf, LINES, matcher, problemsOfText } from './model.fixture.ts';

describe('a matcher', () => {
  test.each([
    'g(r.sub, p.sub',
    'r.sub ==',
    '&& r.sub == p.sub',
    '"r.sub == p.sub',
    'r.sub === = p.sub',
    'r.sub & p.sub',
    'r.sub = p.sub )',
    'r.sub == p.sub r.obj == p.obj',
    'r.sub == p.sub, r.obj == p.obj',
    'r.sub == p.sub && !',
  ])('that can not be parsed is refused with its place: %s', async (text) => {
    const problems = await problemsOfText(matcher(text));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({
      code: 'MODEL_INVALID',
      at: expect.stringMatching(/^model\.conf:(10|1):1$/),
    });
  });

  test.each([
    ['g(r.sub, p.subb) && r.obj == p.obj', 'p.subb'],
    ['g(r.sub, p.sub) && r.object == p.obj', 'r.object'],
    ['g(r.sub, p.sub) && r2.obj == p.obj', 'r2.obj'],
    ['g(r.sub, p.sub) && x.obj == p.obj', 'x'],
    ['g(r.sub, p.sub) && obj == p.obj', 'obj'],
    ['g(r.sub, p.sub) && keyMatch(r.obj, p.objj)', 'p.objj'],
    ['r.sub in p.nobody', 'p.nobody'],
    ['r.sub in ("a", p.nobody)', 'p.nobody'],
    ['(r.act == p.act ? r.obj : p.onj) == p.obj', 'p.onj'],
    ['!g(r.sub, p.su)', 'p.su'],
  ])('with a name that nothing defines is refused: %s', async (text, name) => {
    expect(await problemsOfText(matcher(text))).toEqual([
      {
        code: 'MODEL_NAME_UNDEFINED',
        at: `model.conf:10:${`m = ${text}`.indexOf(name) + 1}`,
        message: `matcher "m" uses "${name}", which is not defined: Casbin would silently deny. Use one of r.sub, r.obj, r.act, p.sub, p.obj, p.act, or define it.`,
      },
    ]);
  });

  test.each(['keyMatsch(r.obj, p.obj)', 'g2(r.obj, p.obj)', 'G(r.sub, p.sub)'])(
    'with a function that nobody defines is refused: %s',
    async (call) => {
      const problems = await problemsOfText(matcher(`r.act == p.act && ${call}`));
      expect(problems).toMatchObject([{ code: 'MODEL_NAME_UNDEFINED', at: 'model.conf:10:23' }]);
      expect(problems[0]?.message).toContain(`calls "${call.split('(')[0]}"`);
    },
  );

  test.each(['g(r.sub)', 'g(r.sub, p.sub, r.obj)'])(
    'that calls a role definition wrongly is refused: %s',
    async (call) => {
      expect(await problemsOfText(matcher(call))).toMatchObject([
        {
          code: 'MODEL_INVALID',
          at: 'model.conf:10:5',
          message: expect.stringContaining('Make them agree.'),
        },
      ]);
    },
  );
});

test('a matcher may ask for membership of a list, before any enforcer was made', async () => {
  const problems = await problemsOfText(matcher('r.sub in ("a", "b") || r.act == p.act'), {
    policy: { rules: [['p', 'a']] },
  });
  expect(problems.map(({ code }) => code)).toEqual(['RULE_WRONG_LENGTH']);
});

describe('fields', () => {
  test.each([
    ['request', 'r = sub, obj, act, sub', 'r', 'sub'],
    ['policy', 'p = sub, obj, act, obj, eft', 'p', 'obj'],
    ['policy', 'p = sub, obj, act,act', 'p', 'act'],
  ] as const)('of one name are refused: %s, %s', async (part, line, key, name) => {
    const problems = await problemsOfText(conf({ [part]: [LINES[part][0], line] }));
    expect(problems).toContainEqual({
      code: 'MODEL_INVALID',
      at: `model.conf:${part === 'request' ? 2 : 4}:1`,
      message: `"${key}" has the field "${name}" 2 times, and Casbin uses the last one only. Give each field its own name.`,
    });
  });

  test('of one name are refused in other definitions than the first', async () => {
    const problems = await problemsOfText(
      conf({
        request: [...LINES.request, 'r2 = sub, sub, sub'],
        policy: [...LINES.policy, 'p2 = sub, act, act'],
      }),
    );
    expect(problems.map(({ at, message }) => [at, message.split(',')[0]])).toEqual([
      ['model.conf:3:1', '"r2" has the field "sub" 3 times'],
      ['model.conf:6:1', '"p2" has the field "act" 2 times'],
    ]);
  });

  test.each([
    ['r = sub, , obj, act', 2],
    ['r = sub, obj, act,', 4],
  ])('without a name are refused: %s', async (line, position) => {
    const problems = await problemsOfText(conf({ request: ['[request_definition]', line] }));
    expect(problems).toEqual([
      {
        code: 'MODEL_INVALID',
        at: 'model.conf:2:1',
        message: `field ${position} of "r" has no name. Name it, or remove the extra comma.`,
      },
    ]);
  });
});

describe('other definitions', () => {
  test.each(['some(where (p.eft == alow))', 'allow', 'some(where(p.eft == allow))', 'max(p.eft)'])(
    'of an effect that Casbin does not know are refused: %s',
    async (effect) => {
      expect(await problemsOfText(conf({ effect: ['[policy_effect]', `e = ${effect}`] }))).toMatchObject([
        {
          code: 'MODEL_INVALID',
          at: 'model.conf:8:1',
          message: expect.stringContaining(`effect "${effect}"`),
        },
      ]);
    },
  );

  test.each(['_', 'x'])('of roles with too few places are refused: %s', async (places) => {
    const problems = await problemsOfText(conf({ roles: ['[role_definition]', `g = ${places}`] }));
    expect(problems).toContainEqual(
      expect.objectContaining({
        code: 'MODEL_INVALID',
        at: 'model.conf:6:1',
        message: expect.stringContaining('Write g = _, _'),
      }),
    );
  });

  test('that are wrong are all reported at once', async () => {
    const problems = await problemsOfText(
      conf({ effect: ['[policy_effect]', 'e = no'], matchers: ['[matchers]', 'm = p.x == r.y && f(z)'] }),
    );
    expect(problems.map(({ code }) => code)).toEqual([
      'MODEL_NAME_UNDEFINED',
      'MODEL_NAME_UNDEFINED',
      'MODEL_NAME_UNDEFINED',
      'MODEL_NAME_UNDEFINED',
      'MODEL_INVALID',
    ]);
  });
});
