import { type Enforcer, newModel, newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import {
  bootstrapDatabase,
  definePolicy,
  lintPolicy,
  type PolicyMatrix,
  policyToMermaid,
  readMatrix,
} from '../../src/index.ts';
import { listMatrixRemarks, renderMatrix } from '../../src/render/matrix.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { createDatabase } from '../support/database.ts';

const POLICY = definePolicy({
  roles: {
    viewer: { permissions: { invoices: ['read'] } },
    clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
    chief: { inherits: ['clerk'] },
  },
});
const model = (matcher: string, tokens = 'sub, obj, act') =>
  newModel(modelText({ r: tokens, p: tokens, g: ['g = _, _, _'], m: matcher }));
const DOMAINS = model('g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj', 'sub, dom, obj');

describe('a matrix', () => {
  test('has each permission of each role, and where it comes from', async () => {
    await expect(readMatrix(POLICY)).resolves.toEqual({
      tokens: ['obj', 'act'],
      subjects: ['viewer', 'clerk', 'chief'],
      permissions: [
        ['invoices', 'read'],
        ['invoices', 'write'],
      ],
      allowed: [
        allowed('viewer', 'read', ['viewer']),
        allowed('clerk', 'read', ['clerk', 'viewer']),
        allowed('clerk', 'write', ['clerk']),
        allowed('chief', 'read', ['chief', 'clerk', 'viewer']),
        allowed('chief', 'write', ['chief', 'clerk']),
      ],
      isOpen: false,
    });
  });

  test('of a database leaves users out, unless they are asked for, and knows the roles of a policy', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, { policy: POLICY, seeders: [] });
    await pool.query(`insert into casbin (ptype, rule) values ('g', '["alice", "clerk"]')`);
    const subjects = async (...rest: [object?, object?]) => (await readMatrix(pool, ...rest)).subjects;
    expect(await subjects()).toEqual(['viewer', 'clerk']);
    expect(await subjects({ policy: POLICY })).toEqual(['viewer', 'clerk', 'chief']);
    expect(await subjects({}, { users: true })).toEqual(['viewer', 'clerk', 'chief', 'alice']);
  });

  test('has the domain among the values of a permission', async () => {
    const rules = [
      ['p', 'admin', 'one', 'data'],
      ['g', 'chief', 'admin', 'one'],
    ];
    const matrix = await readMatrix({ rules }, { model: DOMAINS });
    expect(matrix).toMatchObject({ tokens: ['dom', 'obj'], permissions: [['one', 'data']] });
    expect(matrix.allowed.map(({ subject }) => subject).sort()).toEqual(['admin', 'chief']);
  });

  test('has the subject wherever requests have it', async () => {
    const m = 'r.sub == p.sub && r.obj == p.obj && r.act == p.act';
    const text = modelText({ r: 'obj, sub, act', p: 'obj, sub, act', m });
    const matrix = await readMatrix(
      { rules: [['p', 'news', 'bob', 'read']] },
      { model: newModelFromString(text) },
    );
    expect(matrix).toMatchObject({
      tokens: ['obj', 'act'],
      subjects: ['bob'],
      permissions: [['news', 'read']],
      allowed: [{ subject: 'bob', permission: ['news', 'read'] }],
    });
  });

  test('has a permission that nobody has, and one that no rule names', async () => {
    const deny = modelText({
      p: 'sub, obj, act, eft',
      e: 'some(where (p.eft == allow)) && !some(where (p.eft == deny))',
    });
    const rules = [['p', 'bob', 'news', 'read', 'deny']];
    const denied = await readMatrix({ rules }, { model: newModelFromString(deny) });
    expect(denied).toMatchObject({ permissions: [['news', 'read']], allowed: [] });

    const resources = modelText({
      g: ['g = _, _', 'g2 = _, _'],
      m: 'g(r.sub, p.sub) && g2(r.obj, p.obj) && r.act == p.act',
    });
    const inherited = {
      rules: [
        ['p', 'bob', 'press', 'read'],
        ['g2', 'news', 'press'],
      ],
    };
    const matrix = await readMatrix(inherited, { model: newModelFromString(resources) });
    expect(matrix.permissions).toEqual([
      ['press', 'read'],
      ['news', 'read'],
    ]);
  });

  test('says that something is allowed to everybody', async () => {
    const open = model('(r.sub == p.sub || p.sub == "*") && r.obj == p.obj && r.act == p.act');
    const matrix = await readMatrix({ rules: [['p', '*', 'news', 'read']] }, { model: open });
    expect(matrix).toMatchObject({ isOpen: true, subjects: ['*'] });
    expect(renderMatrix(matrix)).toContain('allowed to everybody');
  });

  test('has what is allowed because no rule denies it', async () => {
    const text = modelText({ p: 'sub, obj, act, eft', e: '!some(where (p.eft == deny))' });
    const rules = [
      ['p', 'alice', 'news', 'write', 'deny'],
      ['p', 'bob', 'news', 'read', 'allow'],
    ];
    const matrix = await readMatrix({ rules }, { model: newModelFromString(text) });
    expect(matrix.allowed.map(({ subject, permission: [, act] }) => `${subject} ${act}`)).toEqual([
      'alice read',
      'bob write',
      'bob read',
    ]);
    expect(matrix).toMatchObject({ isOpen: true });
  });

  test('has everything where enforcing is disabled', async () => {
    const configureEnforcer = (enforcer: Enforcer) => enforcer.enableEnforce(false);
    const matrix = await readMatrix(POLICY, { configureEnforcer });
    expect(matrix).toMatchObject({ allowed: { length: 6 }, isOpen: true });
    const { problems } = await lintPolicy({ policy: POLICY, configureEnforcer });
    expect(problems).toEqual([]);
  });

  test('is empty where rules hold patterns', async () => {
    const patterns = model('r.sub == p.sub && keyMatch(r.obj, p.obj) && r.act == p.act');
    const matrix = await readMatrix({ rules: [['p', 'a', '/x/*', 'read']] }, { model: patterns });
    expect(matrix).toMatchObject({ permissions: [], allowed: [] });
    expect(renderMatrix(matrix)).toMatch(/^No permissions follow from the rules: .* run explain\.$/);
  });

  test('is shown with a permission a line, in as many tables as the width needs', async () => {
    const matrix = await readMatrix(POLICY);
    expect(renderMatrix(matrix)).toBe(
      [
        '  obj act         viewer  clerk  chief',
        '  invoices read   ●       ○      ○',
        '  invoices write          ●      ○',
        '',
        '● its own  ○ inherited. 5 permissions of 3 subjects.',
      ].join('\n'),
    );
    expect(renderMatrix(matrix, 30).split('\n\n')).toHaveLength(4);
    expect(renderMatrix(matrix, 0)).toBe(renderMatrix(matrix));
  });

  test('writes names as a policy does, and shows their control characters', () => {
    const [subject, permission] = ['a,\u202e', ['b,c\u009b']];
    const matrix: PolicyMatrix = {
      tokens: ['obj'],
      subjects: [subject],
      permissions: [permission],
      allowed: [{ subject, permission, rule: null, rolePath: [subject] }],
      isOpen: false,
    };
    expect(renderMatrix(matrix).split('\n').slice(0, 2)).toEqual([
      '  obj          "a,\\u202e"',
      '  "b,c\\u009b"  ●',
    ]);
    const inherited = { subject, permission, rule: null, rolePath: [subject, 'd,e'] };
    const remarks = listMatrixRemarks({ ...matrix, allowed: [...matrix.allowed, inherited] });
    expect(remarks).toMatchObject([
      { level: 'note', code: 'ALLOWED', subject: `"${subject}"`, message: '"b,c\u009b"' },
      { message: `"b,c\u009b" ("${subject}" → "d,e")` },
    ]);
  });

  test('fits into the width, of which a Chinese character takes two columns and an escaped one six', () => {
    const countTables = (subjects: string[], act: string, token = 'act') => {
      const matrix = { tokens: [token], subjects, permissions: [[act]], allowed: [], isOpen: false };
      return renderMatrix(matrix, 30).split('\n\n').length - 1;
    };
    expect(countTables(['审计员', '管理员', '员工'], '读取')).toBe(1);
    expect(countTables(['审计员', '管理员', '员工a'], '读取')).toBe(2);
    expect(countTables(['审计员', '管理员', '员工'], '读取a')).toBe(2);
    expect(countTables(['a', 'bbb\u202e'], 'twelve chars')).toBe(1);
    expect(countTables(['a', 'bbbb\u202e'], 'twelve chars')).toBe(2);
    expect(countTables(['a', 'bbbbbbbbb'], 'read', 'twelve chars')).toBe(1);
    expect(countTables(['a', 'bbbbbbbbbb'], 'read', 'twelve chars')).toBe(2);
  });

  test('has in each of several tables what its subjects may do, and in the first what nobody may', () => {
    const matrix: PolicyMatrix = {
      tokens: ['act'],
      subjects: ['a', 'b'],
      permissions: [['read'], ['write'], ['burn']],
      allowed: [
        { subject: 'a', permission: ['read'], rule: null, rolePath: ['a'] },
        { subject: 'b', permission: ['write'], rule: null, rolePath: ['b'] },
        { subject: 'b', permission: ['read'], rule: null, rolePath: ['b', 'a'] },
      ],
      isOpen: false,
    };
    expect(renderMatrix(matrix, 5).split('\n\n').slice(0, -1)).toEqual([
      '  act   a\n  read  ●\n  burn',
      '  act    b\n  read   ○\n  write  ●',
    ]);
  });

  test('of thousands of subjects shows a line for each permission that one has, and of too many permissions a part', () => {
    const names = Array.from({ length: 2000 }, (_, index) => `role${index}`);
    const permissions = Array.from({ length: 150_000 }, (_, index) => [`object${index}`, 'read']);
    const allowed = names.map((subject, index) => {
      return { subject, permission: permissions[index] ?? [], rule: null, rolePath: [subject] };
    });
    const held = permissions.slice(0, names.length);
    const matrix: PolicyMatrix = {
      tokens: ['obj', 'act'],
      subjects: names,
      permissions: held,
      allowed,
      isOpen: false,
    };
    const lines = renderMatrix(matrix).split('\n');
    expect(lines.filter((line) => line.includes('●'))).toHaveLength(names.length + 1);
    const one = { ...matrix, subjects: ['role0'], permissions, allowed: [] };
    expect(renderMatrix(one)).toContain('\n  … and 145,000 more, which --format json has\n');
  });
});

describe('a graph', () => {
  test('has roles with their permissions, and arrows to what they inherit from', async () => {
    expect(await policyToMermaid(POLICY)).toBe(
      [
        'flowchart BT',
        '  n0["<b>viewer</b><br/>invoices read"]',
        '  n1["<b>clerk</b><br/>invoices write"]',
        '  n2["<b>chief</b>"]',
        '  n1 --> n0',
        '  n2 --> n1',
        '',
      ].join('\n'),
    );
  });

  test('treats names as text, and cuts long ones', async () => {
    const actions = Array.from({ length: 10 }, (_, n) => `a${n}`);
    const rules = [...actions.map((action) => ['p', '<i>`#;', 'x', action]), ['g', 'é', '<i>`#;']];
    const graph = await policyToMermaid({ rules });
    expect(graph).toContain('<b>#60;i#62;#96;#35;#59;</b><br/>x a0<br/>');
    expect(graph).toContain('x a7<br/>… and 2 more"]');
    const short = async (count: number) => policyToMermaid({ rules: rules.slice(0, count) });
    expect(await short(9)).toContain('x a7<br/>… and 1 more"]');
    expect(await short(8)).toContain('x a7"]');
    expect(await policyToMermaid({ rules: [['p', 'a', '<i>', 'read']] })).toContain('<br/>#60;i#62; read"]');
    expect(graph).toContain('<b>é</b>');
  });

  test('has the domain on the arrow', async () => {
    const rules = [
      ['p', 'admin', 'one|', 'data'],
      ['g', 'chief', 'admin', 'one|'],
    ];
    const graph = await policyToMermaid({ rules }, { model: DOMAINS });
    expect(graph).toContain('\n  n1 -->|"one#124;"| n0\n');
    expect(graph, 'the domain is not a role').not.toContain('n2');
  });
});

function allowed(subject: string, act: string, rolePath: string[]) {
  const rule = ['p', rolePath.at(-1), 'invoices', act];
  return { subject, permission: ['invoices', act], rule, rolePath };
}
