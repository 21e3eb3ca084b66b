import { type Model, newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, createEnforcer, definePolicy, StoredRuleError } from '../../src/index.ts';
import { failureOf } from '../refusals/refusal.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { modelText } from './models.fixture.ts';

const DENY_OVERRIDES = modelOf('sub, obj, act, eft', '!some(where (p.eft == deny))');
const OPTIONS = {
  model: DENY_OVERRIDES,
  policy: definePolicy({
    rules: [
      ['p', 'clerk', 'invoices', 'read', 'allow'],
      ['p', 'clerk', 'invoices', 'delete', 'deny'],
    ],
    never: [['clerk', 'invoices', 'delete']],
  }),
  seeders: [],
};

function modelOf(policy: string, effect: string, object = 'r.obj == p.obj'): Model {
  return newModelFromString(
    modelText({ p: policy, e: effect, m: `g(r.sub, p.sub) && ${object} && r.act == p.act` }),
  );
}

async function bootstrapped() {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, OPTIONS);
  return pool;
}

test('a role from which row-level security may hide rules gets no enforcer, as what is hidden may deny', async () => {
  const database = await createDatabase();
  const owner = database.pool();
  await bootstrapDatabase(owner, OPTIONS);
  const { name, url } = await database.createRole();
  await owner.query(`
    grant select on casbin to ${name};
    alter table casbin enable row level security;
    create policy allowing on casbin for select using (rule ->> 3 = 'allow')`);
  const pool = database.pool({ connectionString: url });

  await expect(createEnforcer(pool, OPTIONS)).rejects.toMatchObject({
    code: 'PERMISSION_DENIED',
    message: expect.stringContaining(`Row-level security is active for role ${name} on `),
    remedies: [`alter role ${name} bypassrls;`],
  });

  await owner.query('alter table casbin disable row level security');
  const enforcer = await createEnforcer(pool, OPTIONS);
  await owner.query('alter table casbin enable row level security');
  await expect(enforcer.loadPolicy()).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
});

test('a role that may not connect is told so', async () => {
  const database = await createDatabase();
  const { url } = await database.createRole();
  await database.pool().query(`do $$ begin
    execute format('revoke connect on database %I from public', current_database());
  end $$`);
  await expect(createEnforcer(database.pool({ connectionString: url }))).rejects.toMatchObject({
    name: 'ConnectionError',
    code: 'PERMISSION_DENIED',
  });
});

test('a missing privilege is told, also where no further connection can be had to ask what would grant it', async () => {
  const database = await createDatabase();
  await bootstrapDatabase(database.pool(), OPTIONS);
  const { name, url } = await database.createRole();
  const pool = database.pool({ connectionString: url });
  const denied = { name: 'PermissionError', code: 'PERMISSION_DENIED' };
  await expect(createEnforcer(pool, OPTIONS)).rejects.toMatchObject({
    ...denied,
    remedies: [`grant select on table public.casbin to ${name};`],
  });

  const connections = [await pool.connect(), await pool.connect()];
  const two = {
    async connect() {
      const client = connections.pop();
      if (client === undefined) throw new Error('too many connections');
      return client;
    },
  };
  await expect(createEnforcer(two, OPTIONS)).rejects.toMatchObject({
    ...denied,
    message: expect.stringMatching(/^A privilege is missing to load the policy: .*Grant it to the role/),
    remedies: [],
  });
  expect(connections).toEqual([]);
});

describe('stored rules that do not fit the model', () => {
  test('are refused where the model was forgotten, instead of allowing what they deny', async () => {
    const pool = await bootstrapped();

    const error = await failureOf(() => createEnforcer(pool));

    expect(error).toBeInstanceOf(StoredRuleError);
    expect(error).toMatchObject({ code: 'RULES_DO_NOT_FIT_MODEL', ids: [1, 2] });
    expect(error.message).toMatch(
      /^2 of 2 stored rules do not fit the default model, because no model was given/,
    );
    expect(error.message).toContain('id 1, 2: "p" must have 3 values, not 4');
    expect(error.message).toContain('createEnforcer(pool, { model })');
    const enforcer = await createEnforcer(pool, OPTIONS);
    expect(await enforcer.enforce('clerk', 'invoices', 'delete')).toBe(false);
    expect(await enforcer.enforce('clerk', 'invoices', 'read')).toBe(true);
  });

  test.each<[string, string, number, RegExp]>([
    ['too few values', `('p', '["a", "b", "c"]')`, 3, /"p" must have 4 values, not 3/],
    ['too many values', `('p', '["a", "b", "c", "allow", "e"]')`, 3, /"p" must have 4 values, not 5/],
    ['a role link with a domain', `('g', '["a", "b", "c"]')`, 3, /"g" must have 2 values, not 3/],
    ['a role link to nothing', `('g', '["a"]')`, 3, /"g" must have 2 values, not 1/],
    ['an unknown ptype', `('p2', '["a", "b", "c", "deny"]')`, 3, /"p2" is not defined, only p, g/],
    ['an unknown ptype of no kind', `('x', '["a"]')`, 3, /"x" is not defined, only p, g/],
  ])('are refused one by one: %s', async (_, row, id, fault) => {
    const pool = await bootstrapped();
    await pool.query(`insert into casbin (ptype, rule) values ${row}`);

    const error = await failureOf(() => createEnforcer(pool, OPTIONS));

    expect(error).toMatchObject({ code: 'RULES_DO_NOT_FIT_MODEL', ids: [id] });
    expect(error.message).toMatch(/^1 of 3 stored rules does not fit the model \(id 3: /);
    expect(error.message).toMatch(fault);
    expect(error.message).toMatch(/select id, ptype, rule from public.casbin where id in \(3\)$/);
  });

  test('are told with the one value that a rule must have', async () => {
    const pool = await bootstrapped();
    const model = newModelFromString(modelText({ r: 'sub', p: 'sub', g: [], m: 'r.sub == p.sub' }));
    await expect(createEnforcer(pool, { model })).rejects.toThrow('"p" must have 1 value, not 4');
  });

  test('are all in the error, and the first twenty in the message', async () => {
    const pool = await bootstrapped();
    await pool.query(
      `insert into casbin (ptype, rule) select 'p2', jsonb_build_array('a', n) || '"x"' from generate_series(1, 30) n`,
    );
    await pool.query(`update casbin set rule = '["a", "b"]' || jsonb_build_array(id::text) where id > 2`);

    const error = await failureOf(() => createEnforcer(pool, OPTIONS));

    expect(error).toMatchObject({ ids: { length: 30 } });
    expect(error.message).toContain('; and 10 more)');
  });

  test('are refused on a reload too, and on a load of some rules', async () => {
    const pool = await bootstrapped();
    const enforcer = await createEnforcer(pool, OPTIONS);
    await pool.query(`insert into casbin (ptype, rule) values ('p', '["clerk", "invoices", "write"]')`);

    await expect(enforcer.loadPolicy()).rejects.toMatchObject({ code: 'RULES_DO_NOT_FIT_MODEL', ids: [3] });
    await expect(enforcer.loadFilteredPolicy({ p: ['clerk'] })).rejects.toMatchObject({ ids: [3] });
    await enforcer.loadFilteredPolicy({ p: ['', '', 'delete'] });
    expect(await enforcer.enforce('clerk', 'invoices', 'delete')).toBe(false);
  });

  test('are measured by what configureEnforcer has made of the model', async () => {
    const pool = await bootstrapped();
    await pool.query(`insert into casbin (ptype, rule) values ('p2', '["a", "b"]')`);
    const configureEnforcer = (enforcer: { getModel(): Model }) => {
      enforcer.getModel().addDef('p', 'p2', 'sub, obj');
    };

    const enforcer = await createEnforcer(pool, { ...OPTIONS, configureEnforcer });

    expect(await enforcer.getNamedPolicy('p2')).toEqual([['a', 'b']]);
    expect(await enforcer.addNamedPolicy('p2', 'a', 'c')).toBe(true);
    await expect(enforcer.addNamedPolicy('p2', 'a', 'b', 'c')).rejects.toMatchObject({
      problems: [{ code: 'RULE_WRONG_LENGTH' }],
    });
  });

  test('are not stored through the enforcer, which would keep the next one from loading', async () => {
    const pool = await bootstrapped();
    const enforcer = await createEnforcer(pool, OPTIONS);
    const rule = ['clerk', 'orders', 'read', 'allow'];
    const stored = ['clerk', 'invoices', 'read', 'allow'];
    const wrongLength = { name: 'InvalidOptionsError', problems: [{ code: 'RULE_WRONG_LENGTH' }] };

    await expect(enforcer.addPolicy('clerk', 'orders', 'read')).rejects.toMatchObject(wrongLength);
    await expect(enforcer.addPolicies([rule, ['clerk', 'orders']])).rejects.toMatchObject(wrongLength);
    await expect(enforcer.updatePolicy(stored, ['clerk', 'invoices'])).rejects.toMatchObject(wrongLength);
    enforcer.enableAutoSave(false);
    await enforcer.addPolicy('clerk', 'orders', 'read');
    await expect(enforcer.savePolicy()).rejects.toMatchObject(wrongLength);

    expect((await createEnforcer(pool, OPTIONS)).getModel().getPolicy('p', 'p')).toHaveLength(2);
  });

  test('are measured by the model that the enforcer has at the moment', async () => {
    const pool = await bootstrapped();
    const enforcer = await createEnforcer(pool, OPTIONS);
    enforcer.setModel(modelOf('sub, obj, act', 'some(where (p.eft == allow))'));
    const wrongLength = { problems: [{ code: 'RULE_WRONG_LENGTH' }] };
    await expect(enforcer.addPolicy('a', 'b', 'c', 'allow')).rejects.toMatchObject(wrongLength);
    await enforcer.addPolicy('a', 'b', 'c');
    expect(await enforcer.savePolicy()).toBe(true);
  });

  test('may be of a kind that is loaded: with an effect that Casbin does not know, or a slow pattern', async () => {
    const pool = (await createDatabase()).pool();
    const model = modelOf('sub, obj, act, eft', '!some(where (p.eft == deny))', 'regexMatch(r.obj, p.obj)');
    await bootstrapDatabase(pool, { ...OPTIONS, model });
    await pool.query(`insert into casbin (ptype, rule) values ('p', '["clerk", "(a+)+b", "read", "Allow"]')`);
    const enforcer = await createEnforcer(pool, { ...OPTIONS, model });
    expect(await enforcer.savePolicy()).toBe(true);
    await expect(enforcer.addPolicy('clerk', '(', 'read', 'allow')).rejects.toMatchObject({
      problems: [
        { code: 'RULE_VALUE_INVALID', at: 'rule 1', message: expect.stringContaining('regexMatch') },
      ],
    });
    await expect(enforcer.addPolicy('clerk', Object.create(null), 'read', 'allow')).rejects.toThrow(
      'not a string',
    );
  });

  test('name the table in its schema', async () => {
    const pool = (await createDatabase()).pool();
    const options = { ...OPTIONS, schema: 'Auth' };
    await bootstrapDatabase(pool, options);

    const error = await failureOf(() => createEnforcer(pool, { schema: 'Auth' }));

    expect(error.message).toContain('from "Auth".casbin where');
  });
});
