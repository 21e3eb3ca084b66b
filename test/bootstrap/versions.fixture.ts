import { bootstrapDatabase, changePolicy, type PolicyDefinition } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import type { LayoutFixture } from '../tables/layouts.fixture.ts';
import { createBootstrapped } from './bootstrapped.fixture.ts';

type AnyChanges = {
  readonly [Kind in 'grant' | 'revoke']?: readonly (readonly string[])[];
} & {
  readonly [Kind in 'assign' | 'unassign']?: readonly (readonly [string, string, string?])[];
};

export const FIRST = {
  version: 1,
  roles: {
    viewer: { permissions: { invoices: ['read'] } },
    clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
    intern: { inherits: ['viewer'], permissions: { notes: ['write'] } },
  },
} satisfies PolicyDefinition;

export const [VIEWER, CLERK] = [FIRST.roles.viewer, FIRST.roles.clerk];

/** A database of the layout, perhaps bootstrapped, and what tests of versions do with it. */
export async function openVersioned(layout: LayoutFixture, bootstrapped?: PolicyDefinition) {
  const database = await (bootstrapped === undefined
    ? createDatabase()
    : createBootstrapped({ ...layout.options, policy: bootstrapped, seeders: [] }));
  const pool = database.pool();
  const bootstrap = (policy: PolicyDefinition, more: object = {}) =>
    bootstrapDatabase(pool, { ...layout.options, policy, seeders: [], ...more });
  const change = async (changes: AnyChanges, reason?: string, more: object = {}) => {
    const client = await pool.connect();
    const by = { actor: 'root', ...(reason === undefined ? {} : { reason }) };
    await changePolicy(client, changes, { ...layout.options, ...by, ...more }).finally(() =>
      client.release(),
    );
  };
  const stored = async () => {
    const { rows } = await pool.query(`select * from ${layout.table} order by id`);
    return rows.map(({ id, ptype, rule, ...columns }) =>
      [ptype, ...(rule ?? Object.values(columns).filter((value) => value !== null))].join(' '),
    );
  };
  return { database, pool, bootstrap, change, stored, options: { ...layout.options, seeders: [] } };
}
