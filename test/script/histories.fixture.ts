import type pg from 'pg';
import {
  type BootstrapOptions,
  bootstrapDatabase,
  changePolicy,
  createAdapter,
  type PolicyDefinition,
} from '../../src/index.ts';
import type { LayoutFixture } from '../tables/layouts.fixture.ts';

export const viewer = { permissions: { invoices: ['read'] } };
export const clerk = { inherits: ['viewer'], permissions: { invoices: ['write'], "o'neil\\ $1": ['r'] } };
export const intern = { inherits: ['viewer'], permissions: { notes: ['write'] } };
const cook = { permissions: { notes: ['read'] } };
/** A resource may have the name of a role. */
const lister = { permissions: { ...viewer.permissions, intern: ['list'] } };
export const FIRST: PolicyDefinition = {
  version: 1,
  onRevoked: 'keep',
  roles: { viewer: lister, clerk, intern, cook },
};
export const SECOND: PolicyDefinition = {
  version: 3,
  onRevoked: 'keep',
  roles: { viewer: { permissions: { invoices: ['read', 'list'] } }, accountant: clerk },
  renamed: { roles: { clerk: 'accountant', cashier: 'accountant' } },
  retired: {
    roles: { intern: { reassign: 'viewer' }, cook: {} },
    rules: [['p', 'viewer', 'notes', 'read']],
  },
};

type History = (pool: pg.Pool, options: BootstrapOptions) => Promise<unknown>;

/** What happens to a database before version 3 comes. */
export function historiesOn(layout: LayoutFixture): Record<string, History> {
  return {
    nothing: async () => {},
    'a bootstrap without a version': (pool, options) =>
      bootstrapDatabase(pool, { ...options, policy: { roles: { viewer, clerk } } }),
    'a bootstrap of which nothing is recorded': async (pool, options) => {
      await bootstrapDatabase(pool, { ...options, policy: { roles: { viewer, clerk, intern } } });
      await pool.query(`drop table "${options.schema ?? 'public'}".casbin_bootstrap_migration`);
    },
    'version 1, and changes of administrators': async (pool, options) => {
      await bootstrapDatabase(pool, { ...options, policy: FIRST });
      const client = await pool.connect();
      const { schema = 'public' } = options;
      const by = { ...layout.options, schema, actor: 'root', reason: 'ticket 7' };
      await changePolicy(
        client,
        {
          grant: [
            ['clerk', 'notes', 'read'],
            ['viewer', 'notes', 'read'],
            ['intern', 'invoices', 'read'],
          ],
          assign: [
            ['ann', 'intern'],
            ['bob', 'intern'],
            ['bob', 'viewer'],
            ['carol', 'clerk'],
            ['dora', 'cook'],
          ],
          revoke: [['clerk', 'invoices', 'write']],
        },
        by,
      ).finally(() => client.release());
      const table = `"${schema}".${layout.table}`;
      await pool.query(`delete from ${table} where ${layout.first} = 'viewer' and ptype = 'p'`);
      if (layout.name === 'columns')
        await pool.query(`update ${table} set v2 = '' where v0 = 'bob' and v1 = 'viewer'`);
    },
    'the same version, which renamed and retired nothing': (pool, options) =>
      bootstrapDatabase(pool, { ...options, policy: { ...FIRST, version: 3 } }),
    'a newer version': (pool, options) =>
      bootstrapDatabase(pool, { ...options, policy: { version: 4, roles: { viewer } } }),
    'a rule of an administrator that version 3 defines': async (pool, options) => {
      await bootstrapDatabase(pool, { ...options, policy: FIRST });
      const adapter = createAdapter(pool, { ...layout.options, schema: options.schema ?? 'public' });
      await adapter.addPolicy('p', 'p', ['viewer', 'invoices', 'list']);
    },
    'rules of administrators that version 1 defined afterwards': async (pool, options) => {
      const { intern: _, ...roles } = FIRST.roles ?? {};
      await bootstrapDatabase(pool, { ...options, policy: { ...FIRST, roles } });
      const adapter = createAdapter(pool, { ...layout.options, schema: options.schema ?? 'public' });
      await adapter.addPolicy('p', 'p', ['intern', 'notes', 'write']);
      await adapter.addPolicy('p', 'p', ['cashier', 'invoices', 'write']);
      await adapter.addPolicy('p', 'p', ['cashier', 'clerk', 'read']);
      await adapter.addPolicy('p', 'p', ['cashier', 'accountant', 'read']);
      await adapter.addPolicy('g', 'g2', ['clerk', 'viewer']);
      await adapter.addPolicy('p', 'p', ['viewer', 'clerk', 'clerk']);
      await adapter.addPolicy('p', 'p', ['viewer', 'intern', 'read']);
      await adapter.addPolicy('g', 'g', ['cashier', 'clerk']);
      await bootstrapDatabase(pool, { ...options, policy: FIRST });
    },
    'revocations of rules of two roles that become one': async (pool, options) => {
      const cashier = { permissions: { invoices: ['write'], "o'neil\\ $1": ['r'] } };
      await bootstrapDatabase(pool, { ...options, policy: { ...FIRST, roles: { ...FIRST.roles, cashier } } });
      const by = { ...layout.options, schema: options.schema ?? 'public', actor: 'root', reason: 'ticket 7' };
      const client = await pool.connect();
      const rules = [
        ['clerk', 'invoices', 'write'],
        ['cashier', "o'neil\\ $1", 'r'],
        ['cashier', 'invoices', 'write'],
        ['clerk', "o'neil\\ $1", 'r'],
      ];
      await changePolicy(client, { revoke: rules }, by);
      await changePolicy(client, { grant: rules.slice(2) }, by).finally(() => client.release());
    },
    'version 3, and rules of roles that it renamed': async (pool, options) => {
      await bootstrapDatabase(pool, { ...options, policy: SECOND });
      const adapter = createAdapter(pool, { ...layout.options, schema: options.schema ?? 'public' });
      await adapter.addPolicy('p', 'p', ['clerk', 'notes', 'read']);
    },
    'a newer version of the policy of another table': async (pool, options) => {
      const other = { name: 'rules', layout: layout.name };
      const { intern: _, ...roles } = FIRST.roles ?? {};
      const newer = { ...FIRST, version: 4, roles: { ...FIRST.roles, accountant: clerk } };
      await bootstrapDatabase(pool, { ...options, table: other, policy: newer });
      await bootstrapDatabase(pool, { ...options, policy: { ...FIRST, roles } });
      const adapter = createAdapter(pool, { ...layout.options, schema: options.schema ?? 'public' });
      await adapter.addPolicy('p', 'p', ['intern', 'notes', 'write']);
    },
    'rules of two roles that become one, whose rows were written again in another order': async (
      pool,
      options,
    ) => {
      await bootstrapDatabase(pool, { ...options, policy: FIRST });
      const adapter = createAdapter(pool, { ...layout.options, schema: options.schema ?? 'public' });
      await adapter.addPolicy('p', 'p', ['cashier', 'invoices', 'write']);
      const table = `"${options.schema ?? 'public'}".${layout.table}`;
      await pool.query(`update ${table} set ptype = ptype where ${layout.first} = 'clerk'`);
    },
    'records of two roles that become one': async (pool, options) => {
      const invoices = { permissions: { invoices: ['write'] } };
      const odd = { permissions: { "o'neil\\ $1": ['r'] } };
      const both = { permissions: { ...invoices.permissions, ...odd.permissions } };
      const release = (version: number, clerk: object, cashier: object) =>
        bootstrapDatabase(pool, {
          ...options,
          policy: { ...FIRST, version, roles: { viewer, clerk, cashier } },
        });
      await release(1, odd, invoices);
      const adapter = createAdapter(pool, { ...layout.options, schema: options.schema ?? 'public' });
      await adapter.addPolicy('p', 'p', ['clerk', 'invoices', 'write']);
      await release(2, both, both);
    },
    'a rule that version 2 left out, and that is gone': async (pool, options) => {
      const { viewer: _, ...roles } = FIRST.roles ?? {};
      const lists = { permissions: { invoices: ['read', 'list'] } };
      await bootstrapDatabase(pool, { ...options, policy: { ...FIRST, roles: { ...roles, viewer: lists } } });
      await bootstrapDatabase(pool, { ...options, policy: { ...FIRST, version: 2 } });
      const adapter = createAdapter(pool, { ...layout.options, schema: options.schema ?? 'public' });
      await adapter.removePolicy('p', 'p', ['viewer', 'invoices', 'list']);
    },
  };
}
