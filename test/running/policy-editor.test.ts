import { describe, expect, expectTypeOf, test } from 'vitest';
import { bootstrapDatabase, createPolicyEditor, type PolicyEditor, readJournal } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { BY, policy } from './change.fixture.ts';

describe('a policy editor', () => {
  test('makes each change by itself, in the open transaction, with its actor and reason', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, { policy, seeders: [], journal: true });
    const client = await pool.connect();
    await client.query('begin');
    const policies = createPolicyEditor(client, { policy, ...BY });
    expect(await policies.grant('accountant', 'invoices', 'read')).toMatchObject({
      added: [['p', 'accountant', 'invoices', 'read']],
    });
    await policies.revoke('accountant', 'invoices', 'delete');
    await policies.assign('carol', 'clerk');
    expect(await policies.unassign('carol', 'clerk')).toMatchObject({ removed: [['g', 'carol', 'clerk']] });
    await expect(policies.assign('carol', 'clrek' as never)).rejects.toMatchObject({
      problems: [{ code: 'ROLE_UNDEFINED' }],
    });
    await client.query('commit');
    client.release();
    const entries = await readJournal(pool, { actor: 'root' });
    expect(entries.map(({ operation, values }) => [operation, ...values].join(' '))).toEqual([
      'added accountant invoices read',
      'removed accountant invoices delete',
      'added carol clerk',
      'removed carol clerk',
    ]);
    expect(new Set(entries.map(({ reason, transaction }) => `${reason} ${transaction}`)).size).toBe(1);
  });

  test('knows the names of a definition as types', () => {
    type Editor = PolicyEditor<typeof policy>;
    expectTypeOf<Parameters<Editor['grant']>>().toEqualTypeOf<
      ['clerk' | 'accountant', 'invoices', 'read' | 'write' | 'delete']
    >();
    expectTypeOf<['carol', 'clerk']>().toExtend<Parameters<Editor['assign']>>();
    expectTypeOf<['carol', 'clrek']>().not.toExtend<Parameters<Editor['assign']>>();
    expectTypeOf<['carol', 'clerk', 'tenant1']>().toExtend<Parameters<PolicyEditor<string>['assign']>>();
  });
});
