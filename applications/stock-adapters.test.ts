import { describe, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../test/support/database.ts';
import {
  ADAPTERS,
  type AdapterName,
  loadAdapter,
  MAKERS,
  makeTable,
  openApplication,
} from './application.ts';
import { readRows, readTable } from './rule-rows.ts';

/** What each adapter makes, and how many values a row holds. */
const TABLES: Readonly<Record<AdapterName, { tableName: string; columns: string[]; index: string }>> = {
  typeorm: {
    tableName: 'casbin_rule',
    columns: ['ptype character varying', ...values(7, 'character varying')],
    index: '"PK_e147354d31e2748a3a5da5e3060"',
  },
  sequelize: {
    tableName: 'casbin_rule',
    columns: ['ptype character varying(255)', ...values(6, 'character varying(255)')],
    index: 'casbin_rule_pkey',
  },
  knex: {
    tableName: 'policies',
    columns: ['ptype character varying(255)', ...values(6, 'character varying(255)')],
    index: 'policies_pkey',
  },
  basic: {
    tableName: 'casbin_rule',
    columns: ['ptype character varying(255) not null', ...values(6, 'character varying(255)')],
    index: 'casbin_rule_pkey',
  },
  prisma: {
    tableName: 'casbin_rule',
    columns: ['ptype text not null', ...values(6, 'text')],
    index: 'casbin_rule_pkey',
  },
};

/** How each tells that a unique index refuses a row. */
const DUPLICATE: Readonly<Record<AdapterName, object>> = {
  typeorm: { code: '23505' },
  sequelize: { name: 'SequelizeUniqueConstraintError' },
  knex: { code: '23505' },
  basic: { code: '23505' },
  prisma: { code: 'P2002' },
};

function values(count: number, type: string): string[] {
  return Array.from({ length: count }, (_, position) => `v${position} ${type}`);
}

/** An empty database with the table of an adapter. */
async function createWithTable(name: AdapterName) {
  const database = await createDatabase();
  const pool = database.pool();
  await makeTable(name, pool, database.url);
  const { tableName } = await loadAdapter(name);
  return { database, pool, tableName, rows: () => readRows(pool, tableName) };
}

async function loadedBy(name: AdapterName, { url }: TestDatabase): Promise<string[]> {
  await using application = await openApplication(name, url);
  return application.lines();
}

describe.for(ADAPTERS)('the stock adapter of %s', (name) => {
  const { tableName, columns, index } = TABLES[name];
  const room = columns.length - 1;

  test('has the table and columns that are known of it, and no index but that of the id', async () => {
    const { pool } = await createWithTable(name);

    expect(await readTable(pool, tableName)).toEqual([
      'id integer not null',
      ...columns,
      `CREATE UNIQUE INDEX ${index} ON ${tableName} USING btree (id)`,
    ]);
  });

  test('writes null where a rule has no value', async () => {
    const { database, rows } = await createWithTable(name);
    await using application = await openApplication(name, database.url);

    await application.add('p', 'alice', 'ledger', 'read');
    await application.add('g', 'alice', 'admin');

    expect(await rows()).toEqual([
      ['p', 'alice', 'ledger', 'read', ...Array(room - 3).fill(null)],
      ['g', 'alice', 'admin', ...Array(room - 2).fill(null)],
    ]);
  });

  test('stores an empty value in the middle of a rule, and loads the rule without it', async () => {
    const { database, rows } = await createWithTable(name);
    {
      await using application = await openApplication(name, database.url);
      await application.add('p', 'eve', '', 'read');
    }

    expect(await rows()).toEqual([['p', 'eve', '', 'read', ...Array(room - 3).fill(null)]]);
    expect(await loadedBy(name, database)).toEqual(['p | eve | read']);
  });

  test(`stores a comma, and loads ${name === 'typeorm' ? 'it as it was' : 'two values'}`, async () => {
    const { database, rows } = await createWithTable(name);
    {
      await using application = await openApplication(name, database.url);
      await application.add('p', 'a,b', 'ledger', 'read');
    }

    expect(await rows()).toEqual([['p', 'a,b', 'ledger', 'read', ...Array(room - 3).fill(null)]]);
    const loaded = name === 'typeorm' ? 'p | a,b | ledger | read' : 'p | a | b | ledger | read';
    expect(await loadedBy(name, database)).toEqual([loaded]);
  });

  test('stores spaces around a value, and loads it without them', async () => {
    const { database } = await createWithTable(name);
    {
      await using application = await openApplication(name, database.url);
      await application.add('p', ' alice ', 'ledger', 'read');
    }

    expect(await loadedBy(name, database)).toEqual(['p | alice | ledger | read']);
  });

  test(`loads ${name === 'typeorm' ? 'nothing at all once' : 'the rule where'} a value has a double quote`, async () => {
    const { database } = await createWithTable(name);
    {
      await using application = await openApplication(name, database.url);
      await application.add('p', 'say "hi"', 'ledger', 'read');
    }

    const loaded = loadedBy(name, database);
    if (name === 'typeorm') await expect(loaded).rejects.toThrow('Invalid Closing Quote');
    else expect(await loaded).toEqual(['p | say "hi" | ledger | read']);
  });

  test('stores a rule twice that two instances add at once', async () => {
    const { database, rows } = await createWithTable(name);
    await using one = await openApplication(name, database.url);
    await using other = await openApplication(name, database.url);

    const added = await Promise.all([one, other].map(({ add }) => add('p', 'alice', 'ledger', 'read')));

    expect(added).toEqual([true, true]);
    const row = ['p', 'alice', 'ledger', 'read', ...Array(room - 3).fill(null)];
    expect(await rows()).toEqual([row, row]);
  });

  test('removes, together with a rule, those that go on after its values', async () => {
    const { database, rows } = await createWithTable(name);
    await using application = await openApplication(name, database.url);
    await application.add('p', 'alice', 'ledger', 'read', 'deny');
    await application.add('p', 'alice', 'ledger', 'read');

    await application.remove('p', 'alice', 'ledger', 'read');

    expect(await rows()).toEqual([]);
  });

  test(`${name === 'knex' ? 'refuses' : 'cuts off'} a value for which it has no column`, async () => {
    const { database, rows } = await createWithTable(name);
    await using application = await openApplication(name, database.url);
    const long = Array.from({ length: room + 1 }, (_, position) => `value ${position}`);

    if (name === 'knex') {
      await expect(application.add('p', ...long)).rejects.toThrow(
        'column "v6" of relation "policies" does not exist',
      );
    } else {
      await application.add('p', ...long);
      expect(await rows()).toEqual([['p', ...long.slice(0, room)]]);
    }
  });

  test('fails on a unique index when another instance has added the rule', async () => {
    const { database, pool } = await createWithTable(name);
    await using one = await openApplication(name, database.url);
    await using other = await openApplication(name, database.url);
    await pool.query(`create unique index on ${tableName} (ptype, v0, v1, v2)`);
    await one.add('p', 'alice', 'ledger', 'read');

    await expect(other.add('p', 'alice', 'ledger', 'read')).rejects.toMatchObject(DUPLICATE[name]);
  });
});

/** What others may have added to a table. */
const ADDITIONS = `
  alter table TABLE add column note text default 'none';
  alter table TABLE add constraint no_twins unique (ptype, v0, v1, v2);
  create index first_value on TABLE (v0);
  create function look() returns trigger language plpgsql as 'begin return null; end';
  create trigger watch after insert on TABLE referencing new table as added for each statement execute function look();
`;

describe.for(MAKERS)('the stock adapter of %s, when it starts again', (name) => {
  const keeps = name !== 'typeorm';

  test(`${keeps ? 'leaves' : 'drops'} a column, a unique constraint and an index that it does not know, and leaves a trigger`, async () => {
    const { database, pool, tableName } = await createWithTable(name);
    const fresh = await readTable(pool, tableName);
    await pool.query(ADDITIONS.replaceAll('TABLE', tableName));
    const extended = await readTable(pool, tableName);
    expect(extended).toHaveLength(fresh.length + 4);

    expect(await loadedBy(name, database)).toEqual([]);

    expect(await readTable(pool, tableName)).toEqual(keeps ? extended : [...fresh, 'trigger watch']);
  });
});
