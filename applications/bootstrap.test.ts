import { describe, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../test/support/database.ts';
import {
  ADAPTERS,
  type AdapterName,
  type Line,
  loadAdapter,
  makeTable,
  openApplication,
} from './application.ts';
import { DEFINED, OPTIONS, REQUESTS } from './defined.fixture.ts';
import { bootstrapDatabase, createAdapter, createEnforcer, readJournal, verifyDatabase } from './library.ts';
import { listTables, readRows, readStoredRules, readTable } from './rule-rows.ts';

/** What an administrator has granted by the application, one of which is defined as well. */
const GRANTED: readonly Line[] = [
  ['p', 'viewer', 'invoices', 'read'],
  ['p', 'bob', 'payroll', 'read'],
  ['g', 'alice', 'clerk'],
];

const ALLOWED = [
  'viewer invoices read',
  'clerk invoices read',
  'clerk invoices write',
  'auditor ledger read',
  'alice invoices read',
  'alice invoices write',
  'bob payroll read',
];

/** A database whose application has run for a while, without this library. */
async function createUsedDatabase(name: AdapterName) {
  const database = await createDatabase();
  const pool = database.pool();
  await makeTable(name, pool, database.url);
  await using application = await openApplication(name, database.url);
  for (const line of GRANTED) await application.add(...line);
  const { tableName } = await loadAdapter(name);
  return { database, pool, tableName };
}

/** The requests that the application allows when it starts now. */
async function allowedBy(name: AdapterName, { url }: TestDatabase): Promise<string[]> {
  await using application = await openApplication(name, url);
  const decisions = await application.decide(REQUESTS);
  return REQUESTS.filter((_, index) => decisions[index]).map((request) => request.join(' '));
}

describe.for(ADAPTERS)('beside the stock adapter of %s, a bootstrap', (name) => {
  test('finds its table by itself, and seeds into it what is missing', async () => {
    const { database, pool, tableName } = await createUsedDatabase(name);
    const shape = await readTable(pool, tableName);

    const report = await bootstrapDatabase(pool, OPTIONS);

    expect(report).toMatchObject({
      changed: true,
      seeders: [{ inserted: 3, existing: 1, total: 4 }],
      verification: { ok: true },
    });
    expect(await listTables(pool)).toEqual([tableName]);
    expect(await readTable(pool, tableName)).toEqual(shape);
    expect(await readStoredRules(pool, tableName)).toEqual([
      ['g', 'alice', 'clerk'],
      ['g', 'clerk', 'viewer'],
      ['p', 'auditor', 'ledger', 'read'],
      ['p', 'bob', 'payroll', 'read'],
      ['p', 'clerk', 'invoices', 'write'],
      ['p', 'viewer', 'invoices', 'read'],
    ]);
    expect(await allowedBy(name, database)).toEqual(ALLOWED);
  });

  test('leaves the application deciding as its own enforcer does, from which it may add and remove', async () => {
    const { database, pool, tableName } = await createUsedDatabase(name);
    await bootstrapDatabase(pool, OPTIONS);
    {
      await using application = await openApplication(name, database.url);
      const enforcer = await createEnforcer(pool, OPTIONS);
      const ours = await Promise.all(REQUESTS.map((request) => enforcer.enforce(...request)));
      expect(await application.decide(REQUESTS)).toEqual(ours);

      await application.add('p', 'bob', 'ledger', 'write');
      await application.remove('p', 'bob', 'payroll', 'read');
    }

    const allowed = ALLOWED.with(-1, 'bob ledger write');
    expect(await allowedBy(name, database)).toEqual(allowed);
    expect(await bootstrapDatabase(pool, OPTIONS)).toMatchObject({ changed: false });
    expect(await verifyDatabase(pool, OPTIONS)).toMatchObject({ ok: true });
    expect(await allowedBy(name, database)).toEqual(allowed);
    expect(await readRows(pool, tableName)).toHaveLength(6);
  });

  test('puts back a defined rule that the application removed, and lets it remove one that it put there', async () => {
    const { database, pool, tableName } = await createUsedDatabase(name);
    await bootstrapDatabase(pool, OPTIONS);
    {
      await using application = await openApplication(name, database.url);
      await application.remove('g', 'clerk', 'viewer');
    }
    expect(await allowedBy(name, database)).not.toContain('alice invoices read');

    expect(await bootstrapDatabase(pool, OPTIONS)).toMatchObject({
      changed: true,
      seeders: [{ inserted: 1, existing: 3 }],
    });

    expect(await allowedBy(name, database)).toEqual(ALLOWED);
    expect(await readRows(pool, tableName)).toHaveLength(6);
  });

  test('makes a table that the adapter takes for its own', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    const { tableName } = await loadAdapter(name);
    await bootstrapDatabase(pool, { ...OPTIONS, table: tableName });
    const shape = await readTable(pool, tableName);
    {
      await using application = await openApplication(name, database.url);
      for (const line of GRANTED.slice(1)) await application.add(...line);
    }

    expect(await allowedBy(name, database)).toEqual(ALLOWED);
    expect(await readTable(pool, tableName)).toEqual(shape);
    expect(await listTables(pool)).toEqual([tableName]);
    expect(await bootstrapDatabase(pool, { ...OPTIONS, table: tableName })).toMatchObject({ changed: false });
    expect(await bootstrapDatabase(pool, OPTIONS)).toMatchObject({ changed: false });
  });

  const drops = name === 'knex';

  test(`with a journal ${drops ? 'attaches it again after a savePolicy, which drops' : 'has it still after a savePolicy, which empties'} the table`, async () => {
    const { database, pool } = await createUsedDatabase(name);
    const options = { ...OPTIONS, journal: true };
    await bootstrapDatabase(pool, options);
    await using application = await openApplication(name, database.url);

    await application.enforcer.savePolicy();
    await application.add('g', 'carol', 'viewer');
    expect(await readJournal(pool, { value: 'carol' })).toHaveLength(drops ? 0 : 1);
    expect(await bootstrapDatabase(pool, options)).toMatchObject({ changed: drops });
    await application.add('g', 'dave', 'viewer');

    expect(await readJournal(pool, { value: 'dave' })).toHaveLength(1);
  });

  test('has an adapter for the same table, by which two instances that add a rule make one row', async () => {
    const { database, pool, tableName } = await createUsedDatabase(name);
    const enforcers = await Promise.all([createEnforcer(pool, OPTIONS), createEnforcer(pool, OPTIONS)]);
    for (const enforcer of enforcers) enforcer.setAdapter(createAdapter(pool));

    await Promise.all(enforcers.map((enforcer) => enforcer.addPolicy('bob', 'ledger', 'read')));

    expect(await readRows(pool, tableName)).toHaveLength(GRANTED.length + 1);
    expect(await allowedBy(name, database)).toContain('bob ledger read');
  });
});

/** One whose table is `casbin_rule`, and one whose table is not. */
describe.for(['typeorm', 'knex'] as const)('beside the stock adapter of %s, a bootstrap', (name) => {
  test('refuses to guess where an earlier one has made and seeded a table that the application never reads', async () => {
    const { database, pool, tableName } = await createUsedDatabase(name);
    await bootstrapDatabase(pool, { ...OPTIONS, table: 'casbin' });
    const before = [await readRows(pool, tableName), await readRows(pool, 'casbin')];

    const refused = bootstrapDatabase(pool, OPTIONS);

    await expect(refused).rejects.toMatchObject({ code: 'RULE_TABLE_AMBIGUOUS' });
    await expect(refused).rejects.toThrow(/public\.casbin \(4 rows\)/);
    await expect(refused).rejects.toThrow(`public.${tableName} (3 rows)`);
    await expect(refused).rejects.toThrow(`table: '${tableName}'`);
    expect([await readRows(pool, tableName), await readRows(pool, 'casbin')]).toEqual(before);
    expect(await bootstrapDatabase(pool, { ...OPTIONS, table: tableName })).toMatchObject({ changed: true });
    expect(await allowedBy(name, database)).toEqual(ALLOWED);
  });

  test('that comes first and is given no name makes a table that the application never reads', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await bootstrapDatabase(pool, OPTIONS);
    {
      await using application = await openApplication(name, database.url);
      expect(await application.decide(REQUESTS)).not.toContain(true);
      await application.add('g', 'alice', 'clerk');
    }

    await expect(bootstrapDatabase(pool, OPTIONS)).rejects.toThrow(
      'A bootstrap without that option makes "casbin" where it finds no rule table: if no application reads it, drop it.',
    );

    await pool.query('drop table casbin');
    await bootstrapDatabase(pool, OPTIONS);
    expect(await allowedBy(name, database)).toEqual(ALLOWED.filter((request) => !request.startsWith('bob')));
  });

  test('refuses to guess where an earlier one has made a table that is empty', async () => {
    const { pool, tableName } = await createUsedDatabase(name);
    await bootstrapDatabase(pool, { policy: null, seeders: [], table: 'casbin' });

    const refused = bootstrapDatabase(pool, OPTIONS);

    await expect(refused).rejects.toMatchObject({ code: 'RULE_TABLE_AMBIGUOUS' });
    await expect(refused).rejects.toThrow(/public\.casbin \(empty\)/);
    await expect(refused).rejects.toThrow(`public.${tableName} (3 rows)`);
    await expect(refused).rejects.toThrow(`table: '${tableName}'`);
    expect(await readRows(pool, tableName)).toHaveLength(GRANTED.length);
    expect(await readRows(pool, 'casbin')).toEqual([]);
  });
});

test('the rules that the tests count on are those of the definition', async () => {
  const database = await createDatabase();
  const pool = database.pool();
  await bootstrapDatabase(pool, { ...OPTIONS, table: 'casbin_rule' });
  expect(await readStoredRules(pool, 'casbin_rule')).toEqual(DEFINED);
});
