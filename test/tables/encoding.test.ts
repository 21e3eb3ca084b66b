import pg from 'pg';
import { expect, test } from 'vitest';
import { bootstrapDatabase, changePolicy, createEnforcer, type PolicyDefinition } from '../../src/index.ts';
import { useDatabase } from '../support/database.ts';
import { LAYOUTS } from './layouts.fixture.ts';

const database = useDatabase();

test.each(LAYOUTS)(
  'a character that the encoding of the database lacks is told with its rule, in a table of layout $name',
  async ({ name: layout, options }) => {
    const name = `${database.name}_${layout}`;
    const admin = database.pool();
    await admin.query(
      `create database ${name} encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0`,
    );
    const url = new URL(database.url);
    url.pathname = `/${name}`;
    const pool = new pg.Pool({ connectionString: url.href });
    try {
      const given = { ...options, seeders: [] } as const;
      const define = (role: string): PolicyDefinition => ({
        roles: { [role]: { permissions: { invoices: ['read'] } } },
      });
      const refusal = (rule: string, place = '') => ({
        code: 'CHARACTER_UNSTORABLE',
        message: `Rule "${rule}"${place} has the character "役", which the database can't store: its encoding is LATIN1. Nothing was changed. Write the rule without it, or move to a database with encoding UTF8, which stores every character.`,
      });
      const refused = refusal('p, é役, invoices, read', ' (policy.roles["é役"].permissions.invoices[0])');
      const start = (role: string) => bootstrapDatabase(pool, { ...given, policy: define(role) });
      await expect(start('é役')).rejects.toMatchObject(refused);
      await start('employé');
      await expect(start('é役')).rejects.toMatchObject(refused);

      const client = await pool.connect();
      await client.query('begin');
      for (const [kind, link] of [
        ['assign', ['役', 'employé']],
        ['assign', ['anaïs', '役']],
        ['unassign', ['役', 'employé']],
      ] as const) {
        const changed = changePolicy(client, { [kind]: [link] }, { ...options, actor: 'root' });
        await expect(changed).rejects.toMatchObject(refusal(`g, ${link.join(', ')}`, ` (${kind}[0])`));
      }
      await changePolicy(client, { assign: [['anaïs', 'employé']] }, { ...options, actor: 'root' });
      await client.query('commit');
      client.release();

      const enforcer = await createEnforcer(pool, options);
      expect(await enforcer.enforce('anaïs', 'invoices', 'read')).toBe(true);
      await expect(enforcer.addPolicy('bob', '役', 'read')).rejects.toMatchObject(
        refusal('p, bob, 役, read'),
      );
      await expect(
        enforcer.updatePolicy(['employé', 'invoices', 'read'], ['役', 'invoices', 'read']),
      ).rejects.toMatchObject(refusal('p, 役, invoices, read'));
    } finally {
      await pool.end();
      await admin.query(`drop database ${name}`);
    }
  },
);
