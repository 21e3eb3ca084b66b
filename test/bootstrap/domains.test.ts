import { expect, test } from 'vitest';
import {
  bootstrapDatabase,
  createEnforcer,
  definePolicy,
  domainsModelPath,
  InvalidOptionsError,
} from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';

const roles = {
  viewer: { permissions: { invoices: ['read'] } },
  clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
} as const;

function optionsFor(...tenants: string[]) {
  const policy = definePolicy({
    domains: { roles, tenants },
    rules: [['g', 'alice', 'clerk', 'acme']],
    never: [['alice', 'globex', 'invoices', 'read']],
  });
  return { policy, model: domainsModelPath, seeders: [] };
}

test('the roles of tenants are seeded and proved, and a new tenant gets its own at the next start', async () => {
  const pool = (await createDatabase()).pool();
  const first = await bootstrapDatabase(pool, optionsFor('acme', 'globex'));
  expect(first.seeders).toMatchObject([{ inserted: 7, existing: 0 }]);
  expect(first.verification).toMatchObject({ ok: true, coverage: { covered: 7, total: 7 } });

  const second = await bootstrapDatabase(pool, optionsFor('acme', 'globex', 'initech'));
  expect(second.seeders).toMatchObject([{ inserted: 3, existing: 7 }]);
  expect(await bootstrapDatabase(pool, optionsFor('acme', 'globex', 'initech'))).toMatchObject({
    changed: false,
  });

  const enforcer = await createEnforcer(pool, optionsFor('acme', 'globex'));
  await enforcer.addRoleForUser('bob', 'clerk', 'initech');
  const asked = ['acme', 'globex', 'initech'].flatMap((tenant) => [
    enforcer.enforce('alice', tenant, 'invoices', 'read'),
    enforcer.enforce('bob', tenant, 'invoices', 'write'),
  ]);
  expect(await Promise.all(asked)).toEqual([true, false, false, false, false, true]);
});

test('what an administrator gives a user of another tenant is found where it must never be', async () => {
  const pool = (await createDatabase()).pool();
  const options = optionsFor('acme', 'globex');
  await bootstrapDatabase(pool, options);
  await pool.query(`insert into casbin (ptype, rule) values ('g', '["alice", "viewer", "globex"]')`);
  await expect(bootstrapDatabase(pool, options)).rejects.toMatchObject({ code: 'VERIFICATION_FAILED' });
});

test("a tenant's name that is too long for the table is reported once for each part of the roles", async () => {
  const pool = (await createDatabase()).pool();
  await pool.query(`create table casbin_rule (
    id serial primary key, ptype varchar(8) not null, v0 varchar(20), v1 varchar(20), v2 varchar(20), v3 varchar(20))`);
  const problemsOf = async (...tenants: string[]) => {
    const error = await bootstrapDatabase(pool, { ...optionsFor(...tenants), table: 'casbin_rule' }).catch(
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof InvalidOptionsError)) throw error;
    return error.problems.map(({ at, code }) => `${at} ${code}`);
  };
  for (const fitting of [['acme', 'globex'], []]) {
    expect(await problemsOf(...fitting, 'a-tenant-of-a-long-name', 'b-tenant-of-a-long-name')).toEqual([
      'policy.domains.roles.viewer.permissions.invoices[0] RULE_DOES_NOT_FIT_TABLE',
      'policy.domains.roles.clerk.permissions.invoices[0] RULE_DOES_NOT_FIT_TABLE',
      'policy.domains.roles.clerk.inherits[0] RULE_DOES_NOT_FIT_TABLE',
    ]);
  }
  const fitting = { ...optionsFor('acme', 'globex'), table: 'casbin_rule' };
  expect(await bootstrapDatabase(pool, fitting)).toMatchObject({ changed: true });
});
