import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Enforcer, newModel, newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import { createDatabase } from '../support/database.ts';
import { createFolder } from '../support/folder.ts';
import { conf, LINES, matcher, problemsOfText } from './model.fixture.ts';
import { problemsOf, refusalOf } from './refusal.fixture.ts';

describe('a model file', () => {
  test('that is missing is named by the path that was looked at', async () => {
    const [problem] = await problemsOf({ model: 'no/such.conf' });
    expect(problem).toMatchObject({ code: 'MODEL_NOT_FOUND', at: 'no/such.conf' });
    expect(problem?.message).toBe(
      `there is no such model file (${join(process.cwd(), 'no/such.conf')}). Give the path of a Casbin .conf file.`,
    );
  });

  test('that is missing does not hide the problems of the policy', async () => {
    const problems = await problemsOf({
      model: 'no-such.conf',
      policy: { roles: { a: { inherits: ['b'] } } },
    });
    expect(problems.map(({ code }) => code)).toEqual(['MODEL_NOT_FOUND', 'ROLE_UNDEFINED']);
  });

  test('that is a directory is called that', async () => {
    const [problem] = await problemsOf({ model: await createFolder() });
    expect(problem).toMatchObject({
      code: 'MODEL_NOT_FOUND',
      message: 'it is a directory, not a model file. Give the path of a Casbin .conf file.',
    });
  });

  test.each([`${'x'.repeat(5000)}.conf`, 'a\0b.conf', 'file:///model.conf', '.', '~/model.conf'])(
    'that can not be read is refused: %j',
    async (model) => {
      const [problem, ...others] = await problemsOf({ model });
      expect(problem).toMatchObject({ code: 'MODEL_NOT_FOUND' });
      expect(others).toEqual([]);
    },
  );

  test('given as its text is refused with how to give it', async () => {
    const [problem] = await problemsOf({ model: conf() });
    expect(problem).toMatchObject({
      code: 'MODEL_NOT_FOUND',
      at: 'model',
      message: expect.stringContaining('newModelFromString'),
    });
  });

  test.each<[string, string | Buffer]>([
    ['empty', ''],
    ['blank', '\n \r\n\t\n'],
    ['all comments', '# [request_definition]\n; [matchers]'],
    ['a policy', 'p, alice, data1, read\ng, alice, admin\n'],
    ['JSON', '{"model": true}'],
    ['binary', Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 255, 254, 10, 0])],
  ])('that is %s is not a model', async (_, text) => {
    expect(await problemsOfText(text)).toMatchObject([
      { code: 'MODEL_INVALID', at: 'model.conf:1:1', message: expect.stringContaining('not a Casbin model') },
    ]);
  });

  test.each([
    ['request_definition', 'request'],
    ['policy_definition', 'policy'],
    ['policy_effect', 'effect'],
    ['matchers', 'matchers'],
  ] as const)('without [%s] is refused, whether the section is missing or empty', async (section, part) => {
    const missing = await problemsOfText(conf({ [part]: [] }));
    expect(missing).toMatchObject([
      { code: 'MODEL_SECTION_MISSING', message: expect.stringContaining(`[${section}]`) },
    ]);
    const empty = await problemsOfText(conf({ [part]: [`[${section}]`] }));
    expect(empty).toMatchObject([
      { code: 'MODEL_SECTION_MISSING', message: expect.stringContaining(`[${section}]`) },
    ]);
  });

  test('for an EnforceContext alone is refused by that name, as a text and as a Model', async () => {
    const text = `
[request_definition]
r2 = sub, obj, act
[policy_definition]
p2 = sub, obj, act
[policy_effect]
e2 = some(where (p2.eft == allow))
[matchers]
m2 = r2.sub == p2.sub && r2.obj == p2.obj && r2.act == p2.act
`;
    const model = newModel();
    for (const [, key = '', section = '', value = ''] of text.matchAll(/^((\w)2) = (.*)$/gm)) {
      model.addDef(section, key, value);
    }
    for (const problems of [await problemsOfText(text), await problemsOf({ model })]) {
      expect(problems.map(({ code }) => code)).toEqual(Array(4).fill('MODEL_SECTION_MISSING'));
      expect(problems[0]?.message).toBe(
        'section [request_definition] defines "r2" and no "r". Casbin uses "r2" only for requests with an EnforceContext. An enforcer needs "r" too, and decisions are verified by r, p, e and m: rename "r2" to "r", or add r = …',
      );
      for (const { message } of problems) expect(message).toContain('EnforceContext');
    }
  });

  test('without several sections is reported with all of them', async () => {
    const problems = await problemsOfText(conf({ request: [], effect: [] }));
    expect(problems.map(({ code }) => code)).toEqual(['MODEL_SECTION_MISSING', 'MODEL_SECTION_MISSING']);
  });

  test('without role definitions can not call one, nor hold rules of one', async () => {
    const problems = await problemsOfText(conf({ roles: [] }));
    expect(problems.map(({ code, at }) => [code, at])).toEqual([
      ['MODEL_NAME_UNDEFINED', 'model.conf:8:5'],
      ['RULE_UNKNOWN_PTYPE', 'policy.roles.user.inherits[0]'],
      ['RULE_UNKNOWN_PTYPE', 'policy.roles.admin.inherits[0]'],
    ]);
  });

  test('with an invalid line is reported with that line', async () => {
    expect(await problemsOfText(`# a comment\n\n${conf()}\nsome words\n`)).toEqual([
      {
        code: 'MODEL_INVALID',
        at: 'model.conf:13:1',
        message:
          'line "some words" is neither a [section] nor a definition such as "m = …". Correct or remove it.',
      },
    ]);
  });

  test('with a section twice is reported with the place', async () => {
    expect(await problemsOfText(`${conf()}\n[matchers]\nm2 = true`)).toMatchObject([
      {
        code: 'MODEL_INVALID',
        at: 'model.conf:11:1',
        message: expect.stringContaining('[matchers] appears twice'),
      },
    ]);
  });

  test('with a definition twice is reported with the place', async () => {
    const problems = await problemsOfText(conf({ matchers: [...LINES.matchers, 'm2 = true', 'm = true'] }));
    expect(problems).toEqual([
      {
        code: 'MODEL_INVALID',
        at: 'model.conf:12:1',
        message:
          '"m" is defined in line 10 already, and Casbin uses the last definition only. Remove one of them.',
      },
    ]);
  });

  test.each(['\uFEFF', ''])('may begin with %j and end its lines as Windows does', async (beginning) => {
    const database = await createDatabase();
    const path = join(await createFolder(), 'model.conf');
    await writeFile(
      path,
      beginning + matcher('g(r.sub, p.sub) && \\\n r.obj == p.objj').replaceAll('\n', '\r\n'),
    );
    const error = await refusalOf(database, { model: path });
    expect(error).toMatchObject({ problems: [{ code: 'MODEL_NAME_UNDEFINED', at: `${path}:11:11` }] });
  });
});

describe('a Casbin Model', () => {
  test('without definitions is refused as a file would be', async () => {
    const problems = await problemsOf({ model: newModel() });
    expect(problems.map(({ code, at }) => [code, at])).toEqual(
      Array(4).fill(['MODEL_SECTION_MISSING', 'model']),
    );
  });

  test('that only looks like one is refused', async () => {
    expect(await problemsOf({ model: { model: new Map([['r', 1]]) } })).toMatchObject([
      { code: 'MODEL_INVALID', at: 'model' },
    ]);
  });

  test('whose definitions have no text is refused', async () => {
    expect(await problemsOf({ model: { model: new Map([['r', new Map([['r', {}]])]]) } })).toMatchObject([
      { code: 'MODEL_INVALID', at: 'model', message: expect.stringContaining('"r" has no text') },
    ]);
  });

  test('is linted as a file is', async () => {
    const model = newModelFromString(matcher('r.sub == p.subb'));
    expect(await problemsOf({ model })).toMatchObject([{ code: 'MODEL_NAME_UNDEFINED', at: 'model (m)' }]);
  });
});

describe('configureEnforcer', () => {
  test.each<[string, unknown, string]>([
    ['an error', new Error('no such role manager'), 'it threw: no such role manager.'],
    ['a string', 'words', 'it threw: words.'],
    ['nothing', undefined, 'it threw: no reason was given.'],
    ['an object', { status: 404 }, 'it threw: { status: 404 }.'],
  ])('that throws %s is named, with its reason', async (_, thrown, message) => {
    const problems = await problemsOf({
      configureEnforcer() {
        throw thrown;
      },
    });
    expect(problems).toMatchObject([
      {
        code: 'OPTION_INVALID',
        at: 'configureEnforcer',
        message: `${message} Fix it; it is called with an enforcer that has no policy yet.`,
      },
    ]);
  });

  test('may put a function of its own, with other arguments, in the place of one of Casbin', async () => {
    const model = newModelFromString(matcher('r.sub == p.sub && keyMatch(r.obj, p.obj, r.act)'));
    const options = { model, policy: { rules: [['p', 'a', 'b', 'c']] }, seeders: [{}] };
    const placesOf = async (given: object) =>
      (await problemsOf({ ...options, ...given })).map(({ at }) => at);
    expect(await placesOf({})).toContain('model (m)');
    const configureEnforcer = (enforcer: Enforcer) => enforcer.addFunction('keyMatch', async () => true);
    expect(await placesOf({ configureEnforcer })).not.toContain('model (m)');
  });

  test('that throws when it is called again is refused too', async () => {
    const database = await createDatabase();
    let calls = 0;
    const error = await refusalOf(database, {
      configureEnforcer() {
        calls += 1;
        if (calls > 1) throw new Error('only once');
      },
    });
    expect(error.message).toContain('only once. Fix the model, or configureEnforcer.');
  });
});
