import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newModel, newModelFromString } from 'casbin';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  bootstrapDatabase,
  definePolicy,
  diffPolicies,
  InvalidOptionsError,
  loadPolicyFile,
} from '../../src/index.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { createFolder } from '../support/folder.ts';

const OLD = definePolicy({
  roles: {
    viewer: { permissions: { invoices: ['read'] } },
    clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
  },
});
const NEW = definePolicy({
  roles: {
    viewer: { permissions: { invoices: ['read'] } },
    clerk: { permissions: { invoices: ['write', 'delete'] } },
  },
});

const requests = (changes: readonly { readonly request: readonly string[] }[]) =>
  changes.map(({ request }) => request.join(' '));

describe('the difference of two definitions', () => {
  test('shows how an effect was corrected that a bootstrap refuses', async () => {
    const model = newModelFromString(
      modelText({
        p: 'sub, obj, act, eft',
        e: 'some(where (p.eft == allow)) && !some(where (p.eft == deny))',
      }),
    );
    const allowed = ['p', 'eve', 'x', 'read', 'allow'];
    const withEffect = (eft: string) => ({ rules: [allowed, ['p', 'eve', 'x', 'read', eft]] });
    const { rules, decisions } = await diffPolicies(withEffect('Deny'), withEffect('deny'), { model });
    expect(rules).toEqual({
      added: [['p', 'eve', 'x', 'read', 'deny']],
      removed: [['p', 'eve', 'x', 'read', 'Deny']],
      reordered: false,
    });
    expect(requests(decisions.less)).toEqual(['eve x read']);
  });

  test('is in their rules and in their decisions, each with its reason', async () => {
    const { rules, decisions, userLinks } = await diffPolicies(OLD, NEW);
    expect(rules).toEqual({
      added: [['p', 'clerk', 'invoices', 'delete']],
      removed: [['g', 'clerk', 'viewer']],
      reordered: false,
    });
    expect(decisions).toEqual({
      compared: 4,
      isWhole: true,
      more: [
        {
          request: ['clerk', 'invoices', 'delete'],
          before: expect.objectContaining({ decision: 'deny', rule: null, reason: 'no rule allows it' }),
          after: {
            decision: 'allow',
            rule: ['p', 'clerk', 'invoices', 'delete'],
            rolePath: ['clerk'],
            ids: [],
            added: [['p', 'clerk', 'invoices', 'delete']],
            reason: 'by "p, clerk, invoices, delete"',
          },
        },
      ],
      less: [
        {
          request: ['clerk', 'invoices', 'read'],
          before: expect.objectContaining({
            reason: 'by "p, viewer, invoices, read", through clerk → viewer',
            added: [['g', 'clerk', 'viewer']],
          }),
          after: expect.objectContaining({ decision: 'deny' }),
        },
      ],
      omitted: { more: 0, less: 0 },
    });
    expect(userLinks).toBe(0);
  });

  test('may be in the rules alone', async () => {
    const other = { rules: [['p', 'clerk', 'invoices', 'read']], roles: OLD.roles ?? {} };
    await expect(diffPolicies(OLD, other)).resolves.toMatchObject({
      rules: { added: [['p', 'clerk', 'invoices', 'read']], removed: [] },
      decisions: { more: [], less: [] },
    });
  });

  test('is found by the requests that a definition lists too, where rules hold patterns', async () => {
    const model = newModel(modelText({ m: 'r.sub == p.sub && keyMatch(r.obj, p.obj) && r.act == p.act' }));
    const before = {
      rules: [['p', 'a', '/x/*', 'read']],
      allow: [['a', '/x/1', 'read']],
      deny: [['a', '/z', 'read']],
      never: [['b', '/y', 'read']],
    };
    const after = {
      rules: [['p', 'a', '/*', 'read']],
      samples: [
        ['a', '/y', 'read'],
        ['a', '/y', 'read'],
      ],
    };
    const { decisions } = await diffPolicies(before, after, { model });
    expect(requests(decisions.more).sort()).toEqual(['a /y read', 'a /z read']);
    expect(decisions).toMatchObject({ compared: 4, isWhole: false });
  });

  test('is not looked for where a stored pattern may take for ever', async () => {
    const pool = (await createDatabase()).pool();
    const model = newModel(modelText({ m: 'r.sub == p.sub && regexMatch(r.obj, p.obj) && r.act == p.act' }));
    const policy = { rules: [['p', 'a', 'b+', 'read']] };
    await bootstrapDatabase(pool, { model, policy, seeders: [] });
    await pool.query(`insert into casbin (ptype, rule) values ('p', '["a", "(b+)+$", "read"]')`);
    await expect(diffPolicies(policy, pool, { model })).rejects.toMatchObject({
      code: 'STORED_RULE_INVALID',
    });
  });

  test.each([
    ['priority(p.eft) || deny', 'sub, obj, act, eft', ['deny', 'allow'], true],
    ['priority(p.eft) || deny', 'sub, obj, act, eft', ['allow', 'allow'], false],
    ['priority(p.eft) || deny', 'priority, sub, obj, act, eft', ['deny', 'allow'], false],
    [
      'some(where (p.eft == allow)) && !some(where (p.eft == deny))',
      'sub, obj, act, eft',
      ['deny', 'allow'],
      false,
    ],
  ])('is in the order of the rules if that may decide: %s, %s, %j', async (e, p, effects, reordered) => {
    const m = 'r.sub == p.sub && keyMatch(r.obj, p.obj) && r.act == p.act';
    const model = newModelFromString(modelText({ p, e, m }));
    const hasPriority = p.startsWith('priority');
    const rules = effects.map((effect, at) => [
      'p',
      ...(hasPriority ? [`${at}`] : []),
      'eve',
      `/x${at}/*`,
      'read',
      effect,
    ]);
    const difference = await diffPolicies({ rules }, { rules: rules.toReversed() }, { model });
    expect(difference.rules).toEqual({ added: [], removed: [], reordered });
    expect((await diffPolicies({ rules }, { rules }, { model })).rules.reordered).toBe(false);
  });

  test('is in the order of the links too under subjectPriority, and not in where they are among the rules', async () => {
    const text = modelText({ p: 'sub, obj, act, eft', e: 'subjectPriority(p.eft) || deny' });
    const permissions = [
      ['p', 'a', 'x', 'read', 'allow'],
      ['p', 'b', 'x', 'read', 'deny'],
    ];
    const links = [
      ['g', 'u', 'a'],
      ['g', 'u', 'b'],
    ];
    const isReordered = async (after: string[][]) => {
      const before = { rules: [...permissions, ...links] };
      const options = { model: newModelFromString(text) };
      return (await diffPolicies(before, { rules: after }, options)).rules.reordered;
    };
    expect(await isReordered([...links, ...permissions])).toBe(false);
    expect(await isReordered([...permissions, ...links.toReversed()])).toBe(true);
    const [allowing = []] = permissions;
    const before = { rules: [allowing, ...links] };
    const after = { rules: [allowing, ...links.toReversed()] };
    const sameEffect = await diffPolicies(before, after, { model: newModelFromString(text) });
    expect(sameEffect.rules.reordered, 'where no rule denies').toBe(false);
  });

  test('is not in the order of links, nor in added or repeated rules between the others', async () => {
    const model = newModelFromString(modelText({ p: 'sub, obj, act, eft', e: 'priority(p.eft) || deny' }));
    const permissions = [
      ['p', 'a', 'x', 'read', 'deny'],
      ['p', 'b', 'x', 'read', 'allow'],
    ];
    const links = [
      ['g', 'u', 'a'],
      ['g', 'u', 'b'],
    ];
    const before = { rules: [...permissions, ...links] };
    const added = { rules: [['p', 'b', 'x', 'write', 'allow'], ...before.rules] };
    expect((await diffPolicies(before, added, { model })).rules.reordered).toBe(false);
    const linked = { rules: [...permissions, ...links.toReversed()] };
    expect((await diffPolicies(before, linked, { model })).rules.reordered).toBe(false);

    const pool = (await createDatabase()).pool();
    const options = { model, table: 'casbin_rule' };
    await bootstrapDatabase(pool, { ...options, policy: before, seeders: [] });
    await pool.query(
      `insert into casbin_rule (ptype, v0, v1, v2, v3) select ptype, v0, v1, v2, v3 from casbin_rule where v0 = 'a'`,
    );
    const { rules } = await diffPolicies(before, pool, options);
    expect(rules).toEqual({ added: [], removed: [], reordered: false });
  });

  test('does not depend on the policy among the options', async () => {
    const { rules } = await diffPolicies(OLD, OLD, { policy: 'none.yaml' });
    expect(rules).toEqual({ added: [], removed: [], reordered: false });
  });

  test('counts a rule that denies', async () => {
    const model = newModel(
      modelText({
        p: 'sub, obj, act, eft',
        e: 'some(where (p.eft == allow)) && !some(where (p.eft == deny))',
      }),
    );
    const allow = ['p', 'a', 'x', 'read', 'allow'];
    const { decisions } = await diffPolicies(
      { rules: [allow] },
      { rules: [allow, ['p', 'a', 'x', 'read', 'deny']] },
      { model },
    );
    expect(decisions).toMatchObject({
      more: [],
      less: [{ after: { rule: ['p', 'a', 'x', 'read', 'deny'] } }],
    });
    const denied = ['p', 'a', 'y', 'read', 'deny'];
    const { decisions: same } = await diffPolicies({ rules: [allow] }, { rules: [allow, denied] }, { model });
    expect(same).toMatchObject({ compared: 2, more: [], less: [] });
  });

  test('is the same whether an index may be used or not', async () => {
    const plain = await diffPolicies(OLD, NEW);
    const whole = await diffPolicies(OLD, NEW, { configureEnforcer: () => {} });
    const both = [plain, whole].map(({ decisions }) => [requests(decisions.more), requests(decisions.less)]);
    expect(both[0]).toEqual(both[1]);
    expect(whole.decisions.compared).toBeGreaterThan(plain.decisions.compared);
  });
});

describe('the difference to a database', () => {
  test('leaves out who has which role, and has what administrators changed', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, { policy: OLD, seeders: [] });
    await pool.query(`insert into casbin (ptype, rule) values
      ('g', '["alice", "clerk"]'), ('g', '["bob", "viewer"]'), ('p', '["viewer", "invoices", "delete"]')`);
    const { rules, decisions, userLinks } = await diffPolicies(OLD, pool);
    expect(rules).toMatchObject({ added: [['p', 'viewer', 'invoices', 'delete']], removed: [] });
    expect(requests(decisions.more)).toEqual(['viewer invoices delete', 'clerk invoices delete']);
    expect(decisions.more[0]?.after.ids).toEqual([6]);
    expect(userLinks).toBe(2);
    await expect(diffPolicies(pool, pool)).resolves.toMatchObject({ userLinks: 2 });
  });

  test('has a link of somebody whom the definition names', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, { policy: OLD, seeders: [] });
    await pool.query(`insert into casbin (ptype, rule) values ('g', '["root", "viewer"]')`);
    const policy = { roles: OLD.roles ?? {}, rules: [['g', 'root', 'clerk']] };
    await expect(diffPolicies(pool, policy)).resolves.toMatchObject({
      rules: { added: [['g', 'root', 'clerk']], removed: [['g', 'root', 'viewer']] },
      userLinks: 0,
    });
  });
});

describe('a policy of a git revision', () => {
  test('is compared with the file of today', async () => {
    const folder = await createFolder();
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.example', ...args], { cwd: folder });
    git('init', '--quiet');
    writeFileSync(join(folder, 'policy.json'), JSON.stringify(OLD));
    git('add', '.');
    git('commit', '--quiet', '-m', 'Add a policy');
    writeFileSync(join(folder, 'policy.json'), JSON.stringify(NEW));
    const before = process.cwd();
    process.chdir(folder);
    onTestFinished(() => process.chdir(before));

    const { decisions } = await diffPolicies('HEAD:policy.json', 'policy.json');
    expect(requests(decisions.more)).toEqual(['clerk invoices delete']);
    await expect(diffPolicies('HEAD:other.json', 'policy.json')).rejects.toMatchObject({
      problems: [
        {
          code: 'POLICY_NOT_FOUND',
          at: 'HEAD:other.json',
          message: expect.stringContaining('does not exist'),
        },
      ],
    });
    const model = newModelFromString(modelText({ p: 'sub, obj', m: 'r.sub == p.sub && r.obj == p.obj' }));
    await expect(
      diffPolicies({ ...(await loadPolicyFile('policy.json')) }, { rules: [] }, { model }),
    ).rejects.toMatchObject({ problems: [{ at: expect.stringMatching(/^policy\.json:1:/) }, {}, {}] });
    await expect(diffPolicies('--output=x:policy.json', NEW)).rejects.toMatchObject({
      problems: [{ code: 'POLICY_NOT_FOUND' }],
    });
  });
});

test('a file with a colon in its name is not looked for in git, and no option of git is passed on', async () => {
  const file = join(await createFolder(), 'HEAD:policy.csv');
  writeFileSync(file, 'p, clerk, invoices, read\n');
  await expect(diffPolicies(file, file)).resolves.toMatchObject({ decisions: { more: [], less: [] } });
  await expect(diffPolicies('--batch:policy.csv', file)).rejects.toMatchObject({
    problems: [
      { code: 'POLICY_NOT_FOUND', message: expect.stringContaining('a revision does not begin with "-"') },
    ],
  });
});

test('a revision is refused where git is not installed, and no policy where none is given', async () => {
  vi.stubEnv('PATH', await createFolder());
  onTestFinished(() => void vi.unstubAllEnvs());
  const [at, code] = ['HEAD:policy.csv', 'POLICY_NOT_FOUND'];
  await expect(diffPolicies(at, NEW)).rejects.toMatchObject({
    problems: [{ code, at, message: expect.stringMatching(/^git, which reads it, is not installed here\./) }],
  });
  await expect(diffPolicies(OLD, undefined as never)).rejects.toMatchObject({
    problems: [
      {
        code: 'OPTION_INVALID',
        message: expect.stringMatching(/^must be a policy .*\(it is undefined\)\.$/),
      },
    ],
  });
});

test('all problems of both policies and the options are reported at once', async () => {
  const wrong = { roles: { a: { inherits: ['nobody'] } } };
  const error = await diffPolicies('none.yaml', wrong, { schema: '' }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    problems: [{ at: 'schema' }, { code: 'POLICY_NOT_FOUND' }, { code: 'ROLE_UNDEFINED' }],
  });
  await expect(diffPolicies({ rule: [] } as never, OLD)).rejects.toMatchObject({
    problems: [{ code: 'OPTION_UNKNOWN' }],
  });
});

describe('a problem tells which of the policies has it', () => {
  const placesOf = async (...given: Parameters<typeof diffPolicies>) => {
    const error = await diffPolicies(...given).catch((thrown: unknown) => thrown);
    return error instanceof InvalidOptionsError ? error.problems.map(({ at }) => at) : error;
  };

  test('where they are definitions or pools', async () => {
    const wrong = { roles: { a: { inherits: ['nobody'] } } };
    const role = 'policy.roles.a.inherits[0]';
    expect(await placesOf(wrong, wrong)).toEqual([`before: ${role}`, `after: ${role}`]);
    expect(await placesOf(OLD, { rules: [['p', 'a']] })).toEqual(['after: policy.rules[0]']);
    expect(await placesOf(undefined as never, OLD)).toEqual(['before: policy']);
    expect(await placesOf(OLD, null as never)).toEqual(['after: policy']);
    expect(await placesOf(OLD, { connect: 1 } as never)).toEqual(['after: pool']);
    expect(await placesOf('policy.yaml', 'policy.csv')).toEqual(['policy.yaml', 'policy.csv']);
    expect(await placesOf(OLD, NEW, { model: 'none.conf' })).toEqual(['none.conf']);
  });

  test('by its file and line where it has some, and a problem of the model is told once', async () => {
    const folder = await createFolder();
    const path = join(folder, 'policy.yaml');
    writeFileSync(path, 'roles: { a: { permissions: { data: [read] } } }\n');
    const ofFile = await loadPolicyFile(path);
    const model = newModelFromString(modelText({ p: 'sub, obj', m: 'r.sub == p.sub && r.obj == p.obj' }));
    expect(await placesOf({ ...ofFile }, path, { model })).toEqual([`${path}:1:37`]);
    const m = 'r.sub == p.sub && regexMatch(r.obj, "(b+)+$") && r.act == p.act';
    expect(await placesOf(OLD, NEW, { model: newModelFromString(modelText({ m })) })).toEqual(['model']);
  });
});
