import { newModel } from 'casbin';
import { expect, test } from 'vitest';
import { bootstrapDatabase, definePolicy, pullPolicy, verifyDatabase } from '../../src/index.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { createDatabase } from '../support/database.ts';

const POLICY = definePolicy({
  roles: {
    viewer: { permissions: { invoices: ['read'] } },
    clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
  },
});
const DOMAINS = modelText({
  r: 'sub, dom, obj, act',
  p: 'sub, dom, obj, act',
  g: ['g = _, _, _', 'g2 = _, _'],
  m: 'g(r.sub, p.sub, r.dom) && r.dom == p.dom && g2(r.obj, p.obj) && r.act == p.act',
});

test('the policy of a database is written down as it was defined, without its users', async () => {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, { policy: POLICY, seeders: [] });
  await pool.query(
    `insert into casbin (ptype, rule) values ('g', '["alice", "clerk"]'), ('g', '["bob", "viewer"]')`,
  );
  const pulled = await pullPolicy(pool);
  expect(pulled).toEqual({
    definition: POLICY,
    userLinks: [
      ['g', 'alice', 'clerk'],
      ['g', 'bob', 'viewer'],
    ],
  });
  await expect(verifyDatabase(pool, { policy: pulled.definition, strict: true })).resolves.toMatchObject({
    ok: true,
  });
});

test('with domains and resource roles it is written as rules, in any table', async () => {
  const pool = (await createDatabase()).pool();
  const policy = {
    rules: [
      ['p', 'clerk', 'one', 'books', 'read'],
      ['g', 'chief', 'clerk', 'one'],
      ['p', 'chief', 'one', 'books', 'close'],
      ['g2', 'ledger', 'books'],
    ],
  };
  const options = { model: newModel(DOMAINS), policy, seeders: [], table: 'casbin_rule' };
  await bootstrapDatabase(pool, options);
  await pool.query(`insert into casbin_rule (ptype, v0, v1, v2) values ('g', 'alice', 'clerk', 'one')`);
  await expect(pullPolicy(pool, options)).resolves.toEqual({
    definition: policy,
    userLinks: [['g', 'alice', 'clerk', 'one']],
  });
});

test.each([
  ['another order', { r: 'obj, sub, act', p: 'obj, sub, act' }, ['p', 'books', 'clerk', 'read']],
  [
    'an effect in the third place',
    { p: 'sub, obj, eft', m: 'r.sub == p.sub && r.obj == p.obj' },
    ['p', 'clerk', 'books', 'allow'],
  ],
])(
  'rules of a model with %s are written as rules, although they have three values',
  async (_, text, rule) => {
    const pool = (await createDatabase()).pool();
    const options = { model: newModel(modelText(text)), policy: { rules: [rule] }, seeders: [] };
    await bootstrapDatabase(pool, options);
    await expect(pullPolicy(pool, options)).resolves.toEqual({
      definition: { rules: [rule] },
      userLinks: [],
    });
  },
);

test('a link without the domain that its model has is written as a rule', async () => {
  const pool = (await createDatabase()).pool();
  const policy = { rules: [['p', 'clerk', 'one', 'books', 'read']] };
  const options = { model: newModel(DOMAINS), policy, seeders: [] };
  await bootstrapDatabase(pool, options);
  await pool.query(`insert into casbin (ptype, rule) values ('g', '["clerk", "viewer"]')`);
  const { definition } = await pullPolicy(pool, options);
  expect(definition).toEqual({ rules: [...policy.rules, ['g', 'clerk', 'viewer']] });
});

test('what no enforcer can load is not written down', async () => {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, { policy: POLICY, seeders: [] });
  await pool.query(`insert into casbin (ptype, rule) values ('p', '{}')`);
  await expect(pullPolicy(pool)).rejects.toMatchObject({ code: 'STORED_RULE_INVALID' });
});
