import { newEnforcer, newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, InvalidOptionsError, StoredRuleError, verifyDatabase } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';

function modelWith(call: string, role?: string) {
  return newModelFromString(`
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
${role === undefined ? '' : `[role_definition]\n${role}`}
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.sub == p.sub && ${call} && r.act == p.act
`);
}

const BY_REGEXP = 'regexMatch(r.obj, p.obj)';
const HANGING = [
  '^/(.+)+!$',
  '^(a|a)*b$',
  '(x+x+)+y',
  '^(\\w+\\s?)*$',
  '([a-zA-Z]+)*$',
  '^((a+){2,})+$',
  '^\\((b+)+\\)$',
  '^[(](c+)+[)]$',
  '^(a*\\)?\\(?)*b$',
  '^([(x)]?c+)*d$',
  '^((a+){12,})b$',
  '^(a|b)*(c+)+$',
];
const HARMLESS = [
  '^/a/.*/b/.*/c/.*$',
  '^[a-z0-9]+(-[a-z0-9]+)*$',
  '^(/[^/]+)*$',
  '^(GET|POST)$',
  '\\d+\\d+$',
  '^[(a+)+]\\(b+\\)+$',
  '^(\\(a\\)|a)b$',
  '^(a|a)b+$',
  '^(a)(b|c)*$',
  // These have many ways to go on, and one way to match.
  '^(ab?c?d?e?f?g?h?;)*$',
  '^(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)*$',
  '^(/(?:users|groups|projects|teams)/[0-9]+)*$',
  '^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12},?)*$',
  '^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]+$',
  '^((foo|bar)/([a-z]{1,63}/){1,10}end,)*$',
];

describe('a pattern of the definition', () => {
  const problemsOf = async (call: string, pattern: string) => {
    const unreachable = { connect: () => Promise.reject(new Error('unreachable')) };
    const policy = { rules: [['p', 'eve', pattern, 'read']] };
    const error = await bootstrapDatabase(unreachable, { model: modelWith(call), policy }).catch(
      (reason: unknown) => reason,
    );
    return error instanceof InvalidOptionsError ? error.problems : [];
  };

  test.each(HANGING)('that may backtrack for ever is refused: %s', async (pattern) => {
    expect(await problemsOf(BY_REGEXP, pattern)).toMatchObject([
      {
        code: 'PATTERN_BACKTRACKS',
        at: 'policy.rules[0]',
        message: expect.stringContaining('may take for ever'),
      },
    ]);
  });

  test.each(HARMLESS)('that can not is accepted: %s', async (pattern) => {
    expect(await problemsOf(BY_REGEXP, pattern)).toEqual([]);
  });

  test.each([
    ['regexMatch', '([z-a])+', /^Invalid regular expression: /],
    ['regexMatch', '[', /^Invalid regular expression: /],
    ['keyMatch2', '/a[', /^Invalid regular expression: /],
    ['ipMatch', '10.1.2', /^it is not an IP address$/],
  ])('for which Casbin throws is refused: %s, %s', async (name, pattern, reason) => {
    const problems = await problemsOf(`${name}(r.obj, p.obj)`, pattern);
    expect(problems).toMatchObject([{ code: 'RULE_VALUE_INVALID', at: 'policy.rules[0]' }]);
    const opening = `rule "p, eve, ${pattern}, read" has a pattern for which Casbin throws: ${name} does not take the pattern "${pattern}": `;
    const message = problems[0]?.message ?? '';
    expect(message.slice(0, opening.length)).toBe(opening);
    expect(message.slice(opening.length, -'. Correct it.'.length)).toMatch(reason);
  });

  test.each([
    ['(p.obj == "*" || regexMatch(r.obj, p.obj))', true],
    ['("*" == p.obj || r.obj == p.obj || regexMatch(r.obj, p.obj))', true],
    ['(r.obj == p.obj || p.obj == "*" || regexMatch(r.obj, p.obj))', true],
    ['(p.obj != "*" && regexMatch(r.obj, p.obj))', true],
    ['(!(p.obj == "*") && regexMatch(r.obj, p.obj))', true],
    ['(!(p.obj != "*" && r.act == "x") || regexMatch(r.obj, p.obj))', true],
    ['(p.act == "read" || regexMatch(r.obj, p.obj))', true],
    ['(p.obj == "*" || r.obj == "any" || (r.act == p.act && regexMatch(r.obj, p.obj)))', true],
    ['(p.obj == "*" || (regexMatch(r.obj, p.obj) && r.act == p.act))', true],
    ['(keyMatch(r.obj, p.obj) || regexMatch(r.obj, p.obj))', true],
    ['(regexMatch(r.obj, p.obj) || p.obj == "*")', false],
    ['(keyMatch(r.act, p.act) || regexMatch(r.obj, p.obj))', false],
    ['(!keyMatch(r.obj, p.obj) || regexMatch(r.obj, p.obj))', false],
    ['(p.obj == "**" || regexMatch(r.obj, p.obj))', false],
    ['(p.obj == "*" && regexMatch(r.obj, p.obj))', false],
    ['(p.obj != "*" || regexMatch(r.obj, p.obj))', false],
    ['(r.obj == "*" || regexMatch(r.obj, p.obj))', false],
    ['((p.obj == "*" && r.act == "x") || regexMatch(r.obj, p.obj))', false],
    ['(p.obj == "*" || r.act == "x") && regexMatch(r.obj, p.obj)', false],
    ['(!(p.obj == "*") || regexMatch(r.obj, p.obj))', false],
  ])(
    'for which Casbin throws is accepted where the rule is decided before the call: %s',
    async (matcher, isSpared) => {
      const enforcer = await newEnforcer(modelWith(matcher));
      await enforcer.addPolicy('eve', '*', 'read');
      const decide = (action: string) => enforcer.enforce('eve', 'doc', action).catch(() => 'throws');
      const decided = await Promise.all(['read', 'write'].map(decide));
      expect(decided.includes('throws')).toBe(!isSpared);
      const codes = (await problemsOf(matcher, '*')).map(({ code }) => code);
      expect(codes).toEqual(isSpared ? [] : ['RULE_VALUE_INVALID']);
    },
  );

  test('that is too long for its function is refused, though no character of it is special', async () => {
    const codes = (await problemsOf('globMatch(r.obj, p.obj)', 'a'.repeat(65_537))).map(({ code }) => code);
    expect(codes).toEqual(['RULE_VALUE_INVALID']);
  });

  test('that may backtrack for ever is accepted only with the value that is decided before the call', async () => {
    const matcher = '(p.obj == "^(a+)+$" || regexMatch(r.obj, p.obj))';
    expect(await problemsOf(matcher, '^(a+)+$')).toEqual([]);
    expect(await problemsOf(matcher, '^(b+)+$')).toMatchObject([{ code: 'PATTERN_BACKTRACKS' }]);
  });

  test.each([
    ['keyMatch2(r.obj, p.obj)', '/(.+)+!', 1],
    ['keyMatch3(r.obj, p.obj)', '/(.+)+!', 1],
    ['keyMatch4(r.obj, p.obj)', '/(.+)+!', 1],
    ['keyMatch5(r.obj, p.obj)', '/(.+)+!', 1],
    ['globMatch(r.obj, p.obj)', '+(a|a)b', 1],
    ['keyGet2(r.obj, p.obj, "id")', '/(.+)+!', 1],
    // What begins as a star after a slash is any text for them.
    ['keyMatch2(r.obj, p.obj)', '(/*)+!', 1],
    ['globMatch(r.obj, p.obj)', '*(*x*)b', 1],
    ['globMatch(r.obj, p.obj)', '+(a|b)c', 0],
    ['keyMatch2(r.obj, p.obj)', '/:id/*/x/*', 0],
    // These make no regular expression of it.
    ['keyMatch(r.obj, p.obj)', '/(.+)+!', 0],
    ['r.obj == p.obj', '/(.+)+!', 0],
  ])('is checked by the function that it is given to: %s with %s', async (call, pattern, count) => {
    expect(await problemsOf(call, pattern)).toHaveLength(count);
  });

  test.each([
    ['keyMatch2(r.obj, p.obj)', '/inv/:'],
    ['keyMatch2(r.obj, p.obj)', '/:/inv/:id'],
    ['keyGet2(r.obj, p.obj, "id")', '/inv/:/lines'],
    ['keyMatch3(r.obj, p.obj)', '/inv/{id'],
    ['keyMatch4(r.obj, p.obj)', '/{a}/{a/b}'],
    ['keyMatch5(r.obj, p.obj)', '/inv/{}'],
  ])('that Casbin never finishes reading is refused: %s with %s', async (call, pattern) => {
    const start = pattern.includes('{') ? '/{' : '/:';
    const name = call.split('(', 1)[0];
    expect(await problemsOf(call, pattern)).toEqual([
      {
        code: 'PATTERN_ENDLESS',
        at: 'policy.rules[0]',
        message: `Casbin never finishes reading pattern "${pattern}": ${name} tries for ever to replace "${start}", which is incomplete. Complete each parameter: "/:" needs a name, and "/{" needs a name and "}".`,
      },
    ]);
  });

  test.each([
    ['keyMatch2(r.obj, p.obj)', '/:a/:b:c/x::/{'],
    ['keyMatch3(r.obj, p.obj)', '/{a}/{b}{c}/:/x{'],
    ['keyMatch4(r.obj, p.obj)', '/{a}/{b}/{a}'],
    ['keyMatch5(r.obj, p.obj)', '/*/{a-b}/*'],
    ['keyMatch(r.obj, p.obj)', '/{/:/'],
    ['regexMatch(r.obj, p.obj)', '^/:/$'],
  ])('with complete parameters, or for another function, is accepted: %s with %s', async (call, pattern) => {
    expect(await problemsOf(call, pattern)).toEqual([]);
  });

  test('in a matcher that Casbin never finishes reading is refused', async () => {
    expect(await problemsOf('keyMatch3(r.obj, "/inv/{id")', 'a')).toMatchObject([
      {
        code: 'PATTERN_ENDLESS',
        at: 'model',
        message: expect.stringContaining('never finishes reading pattern "/inv/{id" of a matcher'),
      },
    ]);
  });

  test('may be in the matcher itself', async () => {
    expect(await problemsOf('regexMatch(r.obj, "^(a+)+$")', 'a')).toMatchObject([
      {
        code: 'PATTERN_BACKTRACKS',
        at: 'model',
        message:
          'pattern "^(a+)+$" of a matcher may take for ever to compare with a text that almost matches. Rewrite it so that a repeated part can match a text in one way only.',
      },
    ]);
  });

  test('is one among others that are harmless', async () => {
    const unreachable = { connect: () => Promise.reject(new Error('unreachable')) };
    const model = modelWith(`g(r.sub, p.sub) && ${BY_REGEXP}`, 'g = _, _');
    const rules = [
      ['p', 'eve', '^(GET|POST)$', 'read'],
      ['p', 'eve', '^/(.+)+!$', 'read'],
      ['p', 'eve', '^/(a|b)*$', '(.+)+!'],
      ['g', 'eve', '(.+)+!'],
    ];

    await expect(bootstrapDatabase(unreachable, { model, policy: { rules } })).rejects.toMatchObject({
      problems: [
        {
          code: 'PATTERN_BACKTRACKS',
          at: 'policy.rules[1]',
          message:
            'pattern "^/(.+)+!$" may take for ever to compare with a text that almost matches. Rewrite it so that a repeated part can match a text in one way only.',
        },
      ],
    });
  });
});

test('a stored pattern that may backtrack for ever is refused with its id, by bootstrap and verification', async () => {
  const database = await createDatabase();
  const pool = database.pool();
  const options = {
    model: modelWith(BY_REGEXP),
    policy: { rules: [['p', 'eve', '^/data$', 'read']], allow: [['eve', '/data', 'read']] },
  };
  await bootstrapDatabase(pool, options);
  const { rows } = await pool.query(
    `insert into casbin (ptype, rule) values ('p', '["eve", "^/(.+)+!$", "read"]') returning id`,
  );

  for (const run of [bootstrapDatabase, verifyDatabase]) {
    const error: unknown = await run(pool, options).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StoredRuleError);
    expect(error).toMatchObject({ code: 'STORED_RULE_INVALID', ids: [rows[0].id] });
    expect(error).toMatchObject({ message: expect.stringContaining(`id ${rows[0].id}: "^/(.+)+!$"`) });
  }
  await expect(bootstrapDatabase(pool, { ...options, verify: false })).resolves.toBeDefined();
});

test('of many such stored patterns the first ten are named, and how many more there are', async () => {
  const pool = (await createDatabase()).pool();
  const options = {
    model: modelWith(BY_REGEXP),
    policy: { rules: [['p', 'eve', '^/data$', 'read']], allow: [['eve', '/data', 'read']] },
  };
  await bootstrapDatabase(pool, options);
  const { rows } = await pool.query<{ id: number }>(
    `insert into casbin (ptype, rule)
     select 'p', jsonb_build_array('eve', '(a+)+' || n, 'read') from generate_series(1, 12) n
     returning id`,
  );
  const ids = rows.map(({ id }) => id).sort((a, b) => a - b);

  const error: unknown = await verifyDatabase(pool, options).catch((reason: unknown) => reason);

  const list = ids.slice(0, 10).map((id, index) => `id ${id}: "(a+)+${index + 1}"`);
  expect(error).toMatchObject({
    ids,
    message: `Stored patterns may take for ever to compare with a text that almost matches, so no decision was made with them (${list.join('; ')}; and 2 more). Nothing was changed. Rewrite them so that a repeated part can match a text in one way only, or delete these rows: select id, ptype, rule from public.casbin where id in (${ids.slice(0, 10).join(', ')})`,
  });
  await pool.query('delete from casbin where id > $1', [ids[9]]);
  await expect(verifyDatabase(pool, options)).rejects.toMatchObject({
    message: expect.stringContaining(`${list[9]}). Nothing was changed.`),
  });
});

test('stored patterns that Casbin never finishes reading are refused, beside those that may backtrack', async () => {
  const pool = (await createDatabase()).pool();
  const options = {
    model: modelWith('(keyMatch3(r.obj, p.obj) || regexMatch(r.obj, p.obj))'),
    policy: { rules: [['p', 'eve', '/data/{id}', 'read']], allow: [['eve', '/data/1', 'read']] },
  };
  await bootstrapDatabase(pool, options);
  await pool.query(
    `insert into casbin (id, ptype, rule)
     values (8, 'p', '["eve", "/data/{id", "read"]'), (9, 'p', '["eve", "^/(.+)+!$", "read"]')`,
  );

  for (const run of [bootstrapDatabase, verifyDatabase]) {
    await expect(run(pool, options)).rejects.toMatchObject({
      code: 'STORED_RULE_INVALID',
      ids: [8, 9],
      message: expect.stringMatching(
        /^Casbin never finishes reading some stored patterns.*\(id 8: "\/data\/\{id"\).* Stored patterns may take for ever.*\(id 9: /,
      ),
    });
  }
});
