import { type Enforcer, newModelFromString, Util } from 'casbin';
import { describe, expect, test } from 'vitest';
import {
  bootstrapDatabase,
  changePolicy,
  definePolicy,
  domainsModelPath,
  explainDecision,
} from '../../src/index.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { LAYOUTS } from '../tables/layouts.fixture.ts';

const POLICY = definePolicy({
  roles: {
    viewer: { permissions: { invoices: ['read'] } },
    clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
  },
});
const OPTIONS = { policy: POLICY, seeders: [] };

describe('a decision is explained', () => {
  test('on a database, by the rule, the path of roles, the rows of both, and what was added', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await bootstrapDatabase(pool, OPTIONS);
    await pool.query(`insert into casbin (ptype, rule) values ('g', '["alice", "clerk"]')`);

    await expect(explainDecision(pool, ['alice', 'invoices', 'read'], OPTIONS)).resolves.toEqual({
      request: ['alice', 'invoices', 'read'],
      tokens: ['sub', 'obj', 'act'],
      decision: 'allow',
      answer: 'allowed by the rule "p, viewer, invoices, read"',
      rule: ['p', 'viewer', 'invoices', 'read'],
      rolePath: ['alice', 'clerk', 'viewer'],
      ids: [1, 4, 3],
      added: [['g', 'alice', 'clerk']],
      granted: [],
      roles: [],
      closest: [],
      unknown: [],
    });
    await expect(explainDecision(pool, ['alice', 'invoices', 'read'])).resolves.toMatchObject({ added: [] });
    await expect(explainDecision(pool, ['bob', 'invoices', 'raed'], OPTIONS)).resolves.toMatchObject({
      decision: 'deny',
      answer: 'denied: no rule allows it',
      roles: [{ ptype: 'g', name: 'bob', domain: null, paths: [], more: false }],
      closest: [
        { rule: ['p', 'viewer', 'invoices', 'read'], differences: ['bob is not viewer', 'act is read'] },
        { rule: ['p', 'clerk', 'invoices', 'write'], differences: ['bob is not clerk', 'act is write'] },
      ],
      unknown: ['no rule has act = raed, only read, write'],
    });
  });

  test('by stored links as Casbin reads them: without values that the model does not define', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, OPTIONS);
    await pool.query(`insert into casbin (ptype, rule) values ('g', '["alice", "clerk", "since 2020"]')`);
    await expect(explainDecision(pool, ['alice', 'invoices', 'read'])).resolves.toMatchObject({
      rolePath: ['alice', 'clerk', 'viewer'],
    });
    await expect(explainDecision(pool, ['alice', 'invoices', 'sign'])).resolves.toMatchObject({
      roles: [{ name: 'alice', paths: [['alice', 'clerk', 'viewer']] }],
    });
  });

  test('without a policy, in a model that the default one does not fit', async () => {
    const pool = (await createDatabase()).pool();
    const policy = { rules: [['p', 'clerk', 'acme', 'invoices', 'read']] };
    await bootstrapDatabase(pool, { model: domainsModelPath, policy, seeders: [] });
    const request = ['clerk', 'acme', 'invoices', 'read'];
    await expect(explainDecision(pool, request, { model: domainsModelPath })).resolves.toMatchObject({
      decision: 'allow',
    });
  });

  test('by all links if the application prepares its enforcers, which may match names by patterns', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, OPTIONS);
    await pool.query(`insert into casbin (ptype, rule) values ('g', '["staff-*", "clerk"]')`);
    const configureEnforcer = async (enforcer: Enforcer) =>
      void (await enforcer.addNamedMatchingFunc('g', Util.keyMatchFunc));
    await expect(
      explainDecision(pool, ['staff-7', 'invoices', 'write'], { configureEnforcer }),
    ).resolves.toMatchObject({ decision: 'allow' });
  });

  test('on a database, by the stored rules and not by the definition', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await bootstrapDatabase(pool, OPTIONS);
    await pool.query(`delete from casbin where rule->>0 = 'viewer'`);
    await expect(explainDecision(pool, ['viewer', 'invoices', 'read'], OPTIONS)).resolves.toMatchObject({
      decision: 'deny',
    });
    await expect(explainDecision(null, ['viewer', 'invoices', 'read'], OPTIONS)).resolves.toMatchObject({
      decision: 'allow',
      ids: [],
      added: [],
    });
  });

  test.each(LAYOUTS)(
    'by who added each rule, where a table of layout $name has a journal',
    async (layout) => {
      const database = await createDatabase();
      const pool = database.pool();
      const options = { ...OPTIONS, ...layout.options };
      await bootstrapDatabase(pool, { ...options, journal: true });
      const client = await pool.connect();
      const change = { assign: [['alice', 'clerk']] } as const;
      await changePolicy(client, change, { ...options, actor: 'jane', reason: 'ticket 6' });
      await changePolicy(client, { unassign: change.assign }, { ...options, actor: 'jane' });
      await changePolicy(client, change, { ...options, actor: 'root', reason: 'ticket 7' });
      client.release();

      const { granted } = await explainDecision(pool, ['alice', 'invoices', 'read'], options);
      expect(granted).toEqual([
        {
          rule: ['p', 'viewer', 'invoices', 'read'],
          at: expect.any(Date),
          ...{ actor: 'casbin-bootstrap', reason: null, role: 'postgres', application: null },
        },
        expect.objectContaining({ rule: ['g', 'alice', 'clerk'], actor: 'root', reason: 'ticket 7' }),
        expect.objectContaining({ rule: ['g', 'clerk', 'viewer'], actor: 'casbin-bootstrap' }),
      ]);
      // Who wrote another table of the same journal is nobody here.
      const other = { ...OPTIONS, table: 'policies' };
      await bootstrapDatabase(pool, { ...other, journal: true });
      const second = await pool.connect();
      await changePolicy(second, change, { ...other, actor: 'somebody' });
      second.release();
      expect((await explainDecision(pool, ['alice', 'invoices', 'read'], options)).granted).toEqual(granted);

      const [{ at } = { at: new Date(0) }] = granted;
      expect(Math.abs(Date.now() - at.getTime())).toBeLessThan(600_000);

      const role = await database.createRole();
      await pool.query(`grant select on ${layout.table} to ${role.name}`);
      const reader = database.pool({ connectionString: role.url });
      await expect(explainDecision(reader, ['alice', 'invoices', 'read'], options)).resolves.toMatchObject({
        decision: 'allow',
        granted: [],
      });
    },
  );

  test.each([
    ['removed', `delete from casbin where rule ->> 0 = 'alice'`],
    ['truncated with all others', 'truncate casbin'],
  ])(
    'without who added a rule that was %s, and added again while nothing was recorded',
    async (_, removal) => {
      const pool = (await createDatabase()).pool();
      await bootstrapDatabase(pool, { ...OPTIONS, journal: true });
      const stored = `insert into casbin (ptype, rule) values ('g', '["alice", "clerk"]')`;
      await pool.query(stored);
      await pool.query(removal);
      await pool.query('alter table casbin disable trigger user');
      await pool.query(stored);
      await pool.query('alter table casbin enable trigger user');
      await bootstrapDatabase(pool, OPTIONS);
      const { granted } = await explainDecision(pool, ['alice', 'invoices', 'read'], OPTIONS);
      expect(granted).toMatchObject([
        { rule: ['p', 'viewer', 'invoices', 'read'] },
        { rule: ['g', 'clerk', 'viewer'] },
      ]);
    },
  );

  test('of a user among many, without reading the roles of the others', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await bootstrapDatabase(pool, OPTIONS);
    await pool.query(`
      insert into casbin (ptype, rule)
      select 'g', jsonb_build_array('user ' || n, 'clerk') from generate_series(1, 5000) n;
      insert into casbin (ptype, rule) values ('g', '["last", "user 17"]')`);
    await expect(explainDecision(pool, ['last', 'invoices', 'write'], OPTIONS)).resolves.toMatchObject({
      rolePath: ['last', 'user 17', 'clerk'],
    });
  });
});

test('a rule that the matcher decides before a call is explained without that call', async () => {
  const matcher =
    'r.sub == p.sub && p.kind != "exact" && covers(r.obj, p.obj) || r.sub == p.sub && r.obj == p.obj';
  const model = newModelFromString(modelText({ r: 'sub, obj', p: 'sub, kind, obj', m: matcher }));
  const asked = new Set<string>();
  // One of Casbin's own may never finish reading a pattern that it never gets.
  const configureEnforcer = (enforcer: Enforcer) =>
    enforcer.addFunction('covers', (_path: string, pattern: string) => {
      asked.add(pattern);
      return false;
    });
  const rules = [
    ['p', 'alice', 'exact', '/a/:'],
    ['p', 'alice', 'path', '/b/:id'],
  ];
  const options = { model, policy: { rules }, configureEnforcer };

  const { closest } = await explainDecision(null, ['alice', '/zz'], options);

  expect([...asked]).toEqual(['/b/:id']);
  expect(closest).toEqual([
    { rule: rules[0], differences: ['obj is /a/:'] },
    { rule: rules[1], differences: ['obj: /b/:id does not match /zz'] },
  ]);
});

describe('what can not be explained is refused', () => {
  test.each([
    ['no list', 'alice' as never, /must be a list of texts \(it is a string\)/],
    ['no texts', ['alice', 1, 'read'] as never, /must be a list of texts/],
    [
      'too few values',
      ['alice', 'invoices'],
      /has 2 values, but requests of the model have 3: sub, obj, act/,
    ],
    ['one value', ['alice'], /^the request has 1 value, but requests/],
  ])('%s', async (_, request, message) => {
    await expect(explainDecision(null, request, OPTIONS)).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      problems: [{ at: 'request', message: expect.stringMatching(message) }],
    });
  });

  test('a database without a rule table', async () => {
    const database = await createDatabase();
    await expect(explainDecision(database.pool(), ['a', 'b', 'c'], OPTIONS)).rejects.toMatchObject({
      code: 'TABLE_MISSING',
    });
  });

  test('a stored pattern that may take for ever', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    const model = await regexModel();
    await bootstrapDatabase(pool, { model, policy: { rules: [['p', 'a', 'b+', 'read']] }, seeders: [] });
    await pool.query(`insert into casbin (ptype, rule) values ('p', '["a", "(b+)+$", "read"]')`);
    await expect(explainDecision(pool, ['a', 'b', 'read'], { model })).rejects.toMatchObject({
      code: 'STORED_RULE_INVALID',
    });
  });
});

async function regexModel() {
  const { newModel } = await import('casbin');
  return newModel(modelText({ m: 'r.sub == p.sub && regexMatch(r.obj, p.obj) && r.act == p.act' }));
}
