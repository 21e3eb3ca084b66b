import { DefaultRoleManager, type Enforcer } from 'casbin';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  type BootstrapOptions,
  bootstrapDatabase,
  type DatabaseFinding,
  definePolicy,
  domainsModelPath,
  examineDatabase,
  type PoolLike,
} from '../../src/index.ts';
import { listDiagnosisRemarks, renderDiagnosis } from '../../src/render/diagnosis.ts';
import { createDatabase } from '../support/database.ts';
import { pgBouncerProgram, startPgBouncer } from '../support/pgbouncer.ts';
import { openWire } from '../support/wire.ts';
import { createStockTable } from '../tables/stock-tables.fixture.ts';

const POLICY = definePolicy({
  roles: {
    viewer: { permissions: { invoices: ['read'] } },
    clerk: { inherits: ['viewer'] },
  },
});
const OPTIONS = { policy: POLICY, seeders: [] };

async function bootstrapped(options: BootstrapOptions = OPTIONS) {
  const database = await createDatabase();
  const pool = database.pool();
  await bootstrapDatabase(pool, options);
  return { database, pool };
}

/** What is not fine. */
async function faults(pool: PoolLike, options: BootstrapOptions = OPTIONS): Promise<DatabaseFinding[]> {
  const { findings } = await examineDatabase(pool, options);
  return findings.filter(({ status }) => status !== 'fine');
}

const fault = (check: string, status: string, message: RegExp, remedies: unknown[] = []) => ({
  check,
  status,
  message: expect.stringMatching(message),
  remedies,
});

describe('an examination', () => {
  test('finds nothing wrong with a bootstrapped database, and needs no policy for that', async () => {
    const { pool } = await bootstrapped();
    const { ok, findings } = await examineDatabase(pool, { seeders: [] });
    expect(ok).toBe(true);
    expect(findings).toEqual([
      fault('server', 'fine', /^PostgreSQL \d+/),
      fault('connection', 'fine', /^Connected to \w+ as \w+\.$/),
      fault('table', 'fine', /^Rules are in public\.casbin, layout document\.$/),
      fault('migrations', 'fine', /^No migration is pending\.$/),
      fault('privileges', 'fine', /may do all/),
      fault('rules', 'fine', /^Stored rules: 2\./),
    ]);
  });

  test('needs no policy for another model either', async () => {
    const options = { model: domainsModelPath, seeders: [] };
    const { pool } = await bootstrapped({ ...options, policy: null });
    await pool.query(
      `insert into casbin (ptype, rule) values ('p', '["clerk", "acme", "invoices", "read"]')`,
    );
    expect(await faults(pool, options)).toEqual([]);
  });

  test('finds a table that is missing, and migrations that are pending', async () => {
    const pool = (await createDatabase()).pool();
    expect(await faults(pool)).toEqual([
      fault('table', 'warning', /no rule table "casbin"\. Run casbin-bootstrap seed/),
      fault('migrations', 'warning', /^Pending: 0001_casbin\. Run casbin-bootstrap seed/),
    ]);
    expect(await faults(pool, { ...OPTIONS, migrations: false })).toEqual([
      fault(
        'table',
        'warning',
        /no rule table "casbin"\. With migrations: false, another tool must create it/,
      ),
    ]);
  });

  test.each([undefined, 'auth'])(
    'finds a table that was removed after its migration, with the statement that lets seed make it: schema %s',
    async (schema) => {
      const options = schema === undefined ? OPTIONS : { ...OPTIONS, schema };
      const { pool } = await bootstrapped(options);
      await pool.query(`drop table ${schema ?? 'public'}.casbin`);
      await expect(bootstrapDatabase(pool, options)).rejects.toMatchObject({ code: 'TABLE_MISSING' });
      const found = await faults(pool, options);
      expect(found).toEqual([
        fault(
          'table',
          'failure',
          /no rule table .* was applied, so it was removed, .* after this statement:$/,
          [expect.stringContaining(`where name in ('0001_casbin');`)],
        ),
      ]);
      for (const remedy of found[0]?.remedies ?? []) await pool.query(remedy);
      await expect(bootstrapDatabase(pool, options)).resolves.toMatchObject({ changed: true });
      expect(await faults(pool, options)).toEqual([]);
    },
  );

  test('finds columns that nobody fills, with the statements that fill the id again', async () => {
    const { pool } = await bootstrapped();
    await pool.query(`
      alter table casbin alter id drop default, add tenant text not null default 'one', add origin text;
      update casbin set origin = 'here';
      alter table casbin alter tenant drop default`);
    const findings = await faults(pool);
    expect(findings).toEqual([
      fault(
        'table',
        'failure',
        /^No rule can be added to table public\.casbin: column "id" has no default\.$/,
        [
          expect.stringMatching(/^create sequence if not exists /),
          expect.stringMatching(/^select setval/),
          expect.stringMatching(/ alter column id set default nextval/),
        ],
      ),
      fault(
        'table',
        'failure',
        /: column "tenant" has no default\. Give column "tenant" a default, or let it allow null\.$/,
      ),
    ]);
    for (const remedy of findings[0]?.remedies ?? []) await pool.query(remedy);
    await pool.query(`
      create function fill() returns trigger language plpgsql as $$ begin new.tenant = 'one'; return new; end $$;
      create trigger too_late after insert on casbin for each row execute function fill()`);
    expect(await faults(pool)).toEqual(findings.slice(1));
    await pool.query('create trigger fill before insert on casbin for each row execute function fill()');
    expect(await faults(pool)).toEqual([]);
    const more = definePolicy({ roles: { ...POLICY.roles, owner: { inherits: ['clerk'] } } });
    await expect(bootstrapDatabase(pool, { ...OPTIONS, policy: more })).resolves.toMatchObject({
      changed: true,
    });
  });

  test('fills the ids of a table with the longest name', async () => {
    const pool = (await createDatabase()).pool();
    const table = 'r'.repeat(63);
    await pool.query(
      `create table ${table} (id int primary key, ptype text, v0 text, v1 text, v2 text, v3 text)`,
    );
    const { findings } = await examineDatabase(pool, { ...OPTIONS, table });
    const remedies = findings.flatMap((found) => (found.check === 'table' ? found.remedies : []));
    expect(remedies).toHaveLength(3);
    for (const remedy of remedies) await pool.query(remedy);
    await expect(bootstrapDatabase(pool, { ...OPTIONS, table })).resolves.toMatchObject({ changed: true });
  });

  test('fills the ids of a table by the sequence of a renamed one, and makes none again', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query(`
      create table casbin_rule (id serial primary key, ptype text, v0 text, v1 text, v2 text, v3 text);
      insert into casbin_rule (ptype) select 'p' from generate_series(1, 5);
      alter table casbin_rule rename to old_rule;
      create table casbin_rule (id int primary key, ptype text, v0 text, v1 text, v2 text, v3 text)`);
    const { findings } = await examineDatabase(pool, { ...OPTIONS, table: 'casbin_rule' });
    for (const { check, remedies } of findings)
      for (const remedy of check === 'table' ? remedies : []) await pool.query(remedy);
    await pool.query(
      "insert into casbin_rule (ptype) values ('p'); insert into old_rule (ptype) values ('p')",
    );
    const { rows } = await pool.query('select id from casbin_rule union all select max(id) from old_rule');
    expect(rows).toEqual([{ id: 6 }, { id: 7 }]);
  });

  test('finds no fault in a column of a domain with a default, nor in the id of a view', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query(`
      create domain tenant as text default 'one';
      create table stored (id serial primary key, ptype text, v0 text, v1 text, v2 text, v3 text, tenant tenant not null);
      create view casbin_rule as select id, ptype, v0, v1, v2, v3 from stored`);
    for (const table of ['stored', 'casbin_rule']) {
      const { findings } = await examineDatabase(pool, { ...OPTIONS, table });
      expect(findings.filter(({ check }) => check === 'table')).toEqual([
        fault('table', 'fine', new RegExp(`^Rules are in public.${table}, layout columns`)),
      ]);
    }
  });

  test('only warns of ids that are no numbers, as the application may make them', async () => {
    const pool = (await createDatabase()).pool();
    await createStockTable(pool, 'pgx-adapter of Go');
    expect(await faults(pool)).toContainEqual(
      fault(
        'table',
        'warning',
        /casbin_rule: column "id" has no default\. If the application makes the ids, let it add/,
      ),
    );
  });

  test('finds tables that could be meant too', async () => {
    const { pool } = await bootstrapped();
    await pool.query('create schema other; create table other.casbin_rule (id serial, ptype text, v0 text)');
    const session = await pool.connect();
    onTestFinished(() => session.release(true));
    await session.query('create temporary table casbin_rule (id serial, ptype text, v0 text)');
    await pool.query('create schema views create view policies as select ptype from public.casbin');
    expect(await faults(pool)).toEqual([
      fault('other tables', 'warning', /: other\.casbin_rule\. Only one decides/),
    ]);
    await pool.query(`
      do $$ begin for n in 10..20 loop
        execute format('create schema s%s; create table s%s.policies (ptype text, p_type text)', n, n);
      end loop; end $$`);
    expect(await faults(pool)).toEqual([
      fault('other tables', 'warning', /: other\.casbin_rule, s10\.policies, .*, s18\.policies and 2 more\./),
    ]);
    await pool.query(
      `create table casbin_rule (id serial primary key, ptype text, v0 text, v1 text, v2 text, v3 text, v4 text, v5 text);
       insert into casbin_rule (ptype, v0, v1, v2) values ('p', 'a', 'b', 'c')`,
    );
    expect(await faults(pool)).toEqual([fault('table', 'failure', /more than one table.*Name the one/)]);
  });

  test('takes the tables of other tenants for what they are', async () => {
    const pool = (await createDatabase()).pool();
    for (const schema of ['acme', 'globex']) await bootstrapDatabase(pool, { ...OPTIONS, schema });
    expect(await faults(pool, { ...OPTIONS, schema: 'acme' })).toEqual([]);
    await bootstrapDatabase(pool, OPTIONS);
    expect(await faults(pool, { ...OPTIONS, schema: 'acme' }), 'where others may read').toEqual([
      fault('other tables', 'warning', /: public\.casbin\. Only one/),
    ]);
    await pool.query('drop table casbin');
    await pool.query('create table acme.policies (ptype text); create table globex.policies (ptype text)');
    expect(await faults(pool, { ...OPTIONS, schema: 'acme' })).toEqual([
      fault('other tables', 'warning', /: acme\.policies\. Only one/),
    ]);
  });

  test('finds a named table that is not a rule table', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query('create table rules (name text)');
    const { ok } = await examineDatabase(pool, { ...OPTIONS, table: 'rules' });
    expect(ok).toBe(false);
    expect(await faults(pool, { ...OPTIONS, table: 'rules' })).toEqual([
      fault('table', 'failure', /rules is not a rule table/),
    ]);
  });

  test('finds privileges that a role lacks, with the statements that give them', async () => {
    const { database, pool } = await bootstrapped();
    const role = await database.createRole();
    await pool.query(`grant select on casbin, casbin_bootstrap_migration to ${role.name}`);
    const reader = database.pool({ connectionString: role.url });
    expect(await faults(reader)).toEqual([
      fault('privileges', 'warning', /lacks privileges/, [
        expect.stringContaining('grant insert on table public.casbin to'),
        expect.stringContaining('grant usage on sequence public.casbin_id_seq to'),
      ]),
    ]);
    await pool.query(`revoke select on casbin from ${role.name}`);
    expect(await faults(reader)).toMatchObject([
      {
        check: 'privileges',
        status: 'failure',
        remedies: expect.arrayContaining([expect.stringContaining('select')]),
      },
    ]);
  });

  test('finds schemas of the search_path in which every role may create functions', async () => {
    const { database } = await bootstrapped();
    const pool = database.pool({ options: '-c search_path=public,"Tools"' });
    await pool.query('create schema "Tools"; create schema elsewhere');
    await pool.query('grant create on schema "Tools", public, elsewhere to public');

    const found = await faults(pool);
    expect(found).toEqual([
      fault('privileges', 'warning', /^Every role may create functions in public, "Tools", which /, [
        'revoke create on schema public from public;',
        'revoke create on schema "Tools" from public;',
      ]),
    ]);
    for (const statement of found.flatMap(({ remedies }) => remedies)) await pool.query(statement);
    expect(await faults(pool)).toEqual([]);
  });

  test.each([OPTIONS, { ...OPTIONS, table: 'casbin_rule' }])(
    'asks for no index of a view, which has none, and to which rules can be added: %o',
    async (options) => {
      const { pool } = await bootstrapped(options);
      const name = 'table' in options ? options.table : 'casbin';
      await pool.query(`alter table ${name} rename to stored; create view ${name} as select * from stored`);
      expect(await faults(pool, options)).toEqual([]);
      const more = definePolicy({ roles: { ...POLICY.roles, owner: { inherits: ['clerk'] } } });
      const adding = bootstrapDatabase(pool, { ...options, policy: more });
      await expect(adding).resolves.toMatchObject({ changed: true });
    },
  );

  test('finds a table of columns without an index', async () => {
    const { pool } = await bootstrapped({ ...OPTIONS, table: 'casbin_rule' });
    expect(await faults(pool)).toEqual([
      fault('index', 'warning', /^No index/, [expect.stringMatching(/^create index /)]),
    ]);
  });

  test('finds indexes that were dropped from a table of documents', async () => {
    const { pool } = await bootstrapped();
    await pool.query(
      'alter table casbin drop constraint casbin_uniq_ptype_rule; drop index idx_casbin_rule_v0',
    );
    const found = await faults(pool);
    expect(found).toEqual([
      fault('index', 'failure', /^No unique constraint on \(ptype, rule\)/, [expect.any(String)]),
      fault('index', 'warning', /^No index on the first values/, [expect.any(String)]),
    ]);
    for (const { remedies } of found) for (const remedy of remedies) await pool.query(remedy);
    expect(await faults(pool)).toEqual([]);
  });

  test.each([
    'create index on casbin (ptype, rule)',
    `create unique index on casbin (ptype, rule) where ptype = 'p'`,
    'create unique index on casbin (ptype, rule, id)',
    'create unique index on casbin (ptype, id) include (rule)',
    'create unique index on casbin (rule)',
    `create unique index broken on casbin (ptype, rule);
     update pg_index set indisvalid = false where indexrelid = 'broken'::regclass`,
  ])('takes no other index for the unique one: %s', async (create) => {
    const { pool } = await bootstrapped();
    await pool.query(`alter table casbin drop constraint casbin_uniq_ptype_rule; ${create}`);
    expect(await faults(pool)).toEqual([
      fault('index', 'failure', /^No unique constraint/, [expect.any(String)]),
    ]);
    const more = definePolicy({ roles: { ...POLICY.roles, owner: { inherits: ['clerk'] } } });
    await expect(bootstrapDatabase(pool, { ...OPTIONS, policy: more })).rejects.toMatchObject({
      code: 'UNIQUE_CONSTRAINT_MISSING',
    });
  });

  test('takes an index with another column beside its key for the unique one, as PostgreSQL does', async () => {
    const { pool } = await bootstrapped();
    await pool.query(`
      alter table casbin drop constraint casbin_uniq_ptype_rule, add unique (ptype, rule) include (id)`);
    expect(await faults(pool)).toEqual([]);
    const more = definePolicy({ roles: { ...POLICY.roles, owner: { inherits: ['clerk'] } } });
    const adding = bootstrapDatabase(pool, { ...OPTIONS, policy: more });
    await expect(adding).resolves.toMatchObject({ changed: true });
  });

  test('asks for no index that a pending migration makes, and tells of each pending one', async () => {
    const pool = (await createDatabase()).pool();
    await createStockTable(pool, 'casbin-pg-adapter', 'casbin');
    const migrations = { '001_orders': { up: async () => {} } };
    expect(await faults(pool, { ...OPTIONS, migrations })).toEqual([
      fault('migrations', 'warning', /^Pending: 0001_casbin, 001_orders\. Run/),
    ]);
  });

  test('finds the indexes of a table of documents under quote_all_identifiers too', async () => {
    const { database } = await bootstrapped();
    expect(await faults(database.pool({ options: '-c quote_all_identifiers=on' }))).toEqual([]);
  });

  test('finds a unique constraint that is deferrable', async () => {
    const { pool } = await bootstrapped();
    await pool.query(
      'alter table casbin drop constraint casbin_uniq_ptype_rule, add constraint "By rule" unique (rule, ptype) deferrable',
    );
    const found = await faults(pool);
    expect(found).toEqual([fault('index', 'failure', /\(ptype, rule\) is deferrable/, [expect.any(String)])]);
    for (const { remedies } of found) for (const remedy of remedies) await pool.query(remedy);
    expect(await faults(pool)).toEqual([]);
  });

  test('finds a table of that name with other columns, which a bootstrap refuses', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query('create table casbin (id serial, ptype text, rule json)');
    expect(await faults(pool)).toEqual([
      fault('table', 'failure', /^"casbin" is there, but not/),
      fault('migrations', 'warning', /^Pending/),
    ]);
    await expect(bootstrapDatabase(pool, OPTIONS)).rejects.toMatchObject({ code: 'TABLE_SHAPE' });
  });

  test('finds every rule that does not read back as written, or does not fit the model', async () => {
    const { pool } = await bootstrapped();
    await pool.query(`insert into casbin (ptype, rule) values
      ('p', '["a", "b,c", "read"]'), ('p', '["a", "b"]'), ('p2', '["a", "b", "c"]'), ('g', '["viewer", "clerk"]')`);
    expect(await faults(pool, { seeders: [] })).toEqual([
      fault('rules', 'warning', /^Row 3: .*the stock adapter reads/),
      fault('rules', 'warning', /^Row 4: It has 2 values/),
      fault('rules', 'warning', /^Row 5: The model has no "p2"/),
      fault('rules', 'failure', /^Rows 2, 6: .*circle/),
    ]);
    await pool.query(`insert into casbin (ptype, rule) values ('p', '{}')`);
    expect(await faults(pool)).toEqual([fault('rules', 'failure', /must be an array of strings.*id 7/)]);
  });

  test('finds a link that turns a defined one around, if the policy is given', async () => {
    const { pool } = await bootstrapped();
    await pool.query(`update casbin set rule = '["viewer", "clerk"]' where ptype = 'g'`);
    expect(await faults(pool)).toEqual([fault('rules', 'failure', /^Row 2: .*"viewer".*"clerk"/)]);
    expect(await faults(pool, { seeders: [] })).toEqual([]);
  });

  test('finds roles too deep only where the role manager of the application does not follow them either', async () => {
    const { pool } = await bootstrapped();
    await pool.query(
      `insert into casbin (ptype, rule)
      select 'g', jsonb_build_array('role' || n, 'role' || n + 1) from generate_series(1, 11) n`,
    );
    const configureEnforcer = (enforcer: Enforcer) => enforcer.setRoleManager(new DefaultRoleManager(20));
    expect(await faults(pool)).toEqual([fault('rules', 'failure', /Inheritance over 11 links.*role12/)]);
    expect(await faults(pool, { ...OPTIONS, configureEnforcer })).toEqual([]);
  });

  test('only warns of a rule that the stock adapter can not load', async () => {
    const { pool } = await bootstrapped();
    await pool.query(`insert into casbin (ptype, rule) values ('p', '["al(ice", "b", "read"]')`);
    expect(await faults(pool)).toEqual([fault('rules', 'warning', /^Row 3: Casbin's loader throws/)]);
  });

  describe.skipIf(pgBouncerProgram === undefined)('finds a pooler between the client and the server', () => {
    async function examineBehind(poolMode: 'session' | 'transaction' | 'statement', max: number) {
      const { database } = await bootstrapped();
      const bouncer = await startPgBouncer(database.url, 3, poolMode);
      onTestFinished(() => bouncer[Symbol.asyncDispose]());
      const report = await examineDatabase(database.pool({ connectionString: bouncer.url, max }), OPTIONS);
      const { rowCount } = await database
        .pool()
        .query(
          `select from pg_stat_activity where datname = current_database() and state = 'idle in transaction'`,
        );
      expect(rowCount, 'transactions that stay open').toBe(0);
      return report;
    }

    test.each([
      ['transaction', /through a pooler in transaction mode\. .* pollIntervalMs/],
      ['session', /through a pooler in session mode, as far as can be told/],
    ] as const)('in %s mode, which is fine', async (mode, message) => {
      const { ok, findings } = await examineBehind(mode, 2);
      expect(findings[1]).toEqual(fault('connection', 'fine', message));
      expect(ok).toBe(true);
    });

    test('in statement mode, which is not, with the remedy and nothing after it', async () => {
      const { ok, findings } = await examineBehind('statement', 2);
      expect(findings[1]).toEqual(
        fault('connection', 'failure', /statement mode, .*Set pool_mode = transaction/),
      );
      expect(findings).toHaveLength(2);
      expect(ok).toBe(false);
    });

    test('in a mode that a pool of one connection can not tell', async () => {
      const { findings } = await examineBehind('transaction', 1);
      expect(findings[1]).toEqual(fault('connection', 'fine', /through a pooler\. It needs pool_mode/));
    });
  });

  test('says that the connection was lost while it looked for the mode of a pooler', async () => {
    const { database } = await bootstrapped();
    await using wire = await openWire(database.url);
    const pool = database.pool({ connectionString: wire.url });
    // A pooler gives its clients process ids of its own.
    pool.on('connect', (client) => Object.assign(client, { processID: -1 }));
    wire.cutOn(/^begin$/, 'before');
    await expect(examineDatabase(pool, OPTIONS)).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    expect(wire.cuts).toBe(1);
  });

  test('names the role that the session works as, not the one that logged in', async () => {
    const { database } = await bootstrapped();
    const { name } = await database.createRole();
    const { findings } = await examineDatabase(database.pool({ options: `-c role=${name}` }), OPTIONS);
    expect(findings[1]).toEqual(fault('connection', 'fine', new RegExp(` as ${name}\\.$`)));
  });

  test('waits for a client of the pool as long as it was told', async () => {
    const pool = (await createDatabase()).pool({ max: 1 });
    const client = await pool.connect();
    await expect(examineDatabase(pool, { ...OPTIONS, connectTimeoutMs: 50 })).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
      message: expect.stringContaining('within 50 ms'),
    });
    client.release();
  });

  test('is not possible without a connection, or with wrong options', async () => {
    const nobody: PoolLike = { connect: () => Promise.reject(new Error('connect ECONNREFUSED 127.0.0.1:1')) };
    await expect(examineDatabase(nobody, OPTIONS)).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
    await expect(examineDatabase(nobody, { schema: '' })).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
  });
});

describe('a diagnosis', () => {
  test('is reported with the statements that fix it, each once', () => {
    const findings: DatabaseFinding[] = [
      { check: 'server', status: 'fine', message: 'PostgreSQL 18.', remedies: [] },
      { check: 'index', status: 'warning', message: 'No index.', remedies: ['create index x on y (z)'] },
      {
        check: 'privileges',
        status: 'failure',
        message: 'Run:\n  grant a to b;',
        remedies: ['grant a to b;'],
      },
    ];
    expect(renderDiagnosis({ ok: false, findings }, { where: 'PostgreSQL at h:5432/d, as a' })).toBe(
      [
        'Database: PostgreSQL at h:5432/d, as a',
        '',
        '  ✓ server: PostgreSQL 18.',
        '  ! index: No index.',
        '      create index x on y (z)',
        '  ✗ privileges: Run:',
        '      grant a to b;',
        '',
        '1 failure, 1 warning.',
      ].join('\n'),
    );
    expect(listDiagnosisRemarks({ ok: false, findings })).toEqual([
      { level: 'pass', code: 'SERVER', at: null, subject: 'server', message: 'PostgreSQL 18.' },
      {
        level: 'warning',
        code: 'INDEX',
        at: null,
        subject: 'index',
        message: 'No index.\ncreate index x on y (z)',
      },
      {
        level: 'error',
        code: 'PRIVILEGES',
        at: null,
        subject: 'privileges',
        message: 'Run:\n  grant a to b;',
      },
    ]);
  });

  test('shows the first of many findings of one kind', () => {
    const findings = Array.from(
      { length: 25 },
      (_, n): DatabaseFinding => ({
        check: 'rules',
        status: 'warning',
        message: `Row ${n}\u001b`,
        remedies: [],
      }),
    );
    const other: DatabaseFinding = { check: 'index', status: 'warning', message: 'No index.', remedies: [] };
    const told = renderDiagnosis({ ok: true, findings: [...findings, other] }, { where: 'x', color: true });
    expect(told).toContain('Row 19\\u001b');
    expect(told).toContain('No index.');
    expect(told).not.toContain('Row 20');
    expect(told).toContain('5 more findings of these kinds.');
  });

  test('compares no finding with all others, where each row of a large table is one', () => {
    let reads = 0;
    const findings = Array.from(
      { length: 1_000 },
      (): DatabaseFinding => ({
        get check() {
          reads += 1;
          return 'rules' as const;
        },
        status: 'warning',
        message: 'Row',
        remedies: [],
      }),
    );
    const told = renderDiagnosis({ ok: true, findings }, { where: 'x' });
    expect(told).toContain('980 more findings of these kinds.');
    expect(reads).toBeLessThan(10_000);
  });
});
