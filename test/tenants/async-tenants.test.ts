import { expect, test } from 'vitest';
import { bootstrapTenants, type PoolLike, type Tenant, TenantSourceError } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { Census } from './pools.fixture.ts';

test('an async generator is read as there is room: never further ahead than the concurrency', async () => {
  const pool = (await createDatabase()).pool();
  const unfinished = new Census();
  const counted: PoolLike = {
    async connect() {
      const client = await pool.connect();
      return {
        query: (text, values) => client.query(text, values),
        release(error) {
          unfinished.leave();
          client.release(error);
        },
      };
    },
  };
  async function* tenants(): AsyncGenerator<Tenant> {
    const { rows } = await pool.query(`select 'tenant_' || n as name from generate_series(1, 10) n`);
    for (const { name } of rows) {
      unfinished.enter();
      yield { name, schema: name, pool: counted };
    }
  }

  const report = await bootstrapTenants(tenants(), { concurrency: 2 });

  expect(report).toMatchObject({ ok: true, total: 10, changed: 10 });
  expect(unfinished).toEqual({ now: 0, most: 2, total: 10 });
});

test('a tenant of an iterable that is misshapen or comes twice fails alone', async () => {
  const pool = (await createDatabase()).pool();
  async function* tenants(): AsyncGenerator<Tenant> {
    yield { name: 'a', schema: 'a', pool };
    yield { name: 'a', schema: 'b', pool };
    yield { name: 'c', schema: 'a', pool };
    yield Object(null);
    yield { name: 'e', schema: '', pool };
    yield JSON.parse('null');
    yield { name: 'g', schema: 'g', pool };
  }

  const report = await bootstrapTenants(tenants());

  const outcomes = report.tenants.map((tenant) => {
    if (tenant.status === 'bootstrapped') return [tenant.name, tenant.status];
    const problems = Reflect.get(tenant.error, 'problems').map(({ at }: { at: string }) => at);
    return [tenant.name, tenant.error.code, ...problems];
  });
  expect(outcomes).toEqual([
    ['a', 'bootstrapped'],
    ['a', 'INVALID_OPTIONS', 'tenants[1] "a"'],
    ['c', 'INVALID_OPTIONS', 'tenants[2] "c"'],
    ['tenants[3]', 'INVALID_OPTIONS', 'tenants[3] name'],
    ['e', 'INVALID_OPTIONS', 'tenants[4] "e" schema'],
    ['tenants[5]', 'INVALID_OPTIONS', 'tenants[5]'],
    ['g', 'bootstrapped'],
  ]);
  const { rows } = await pool.query(`select schemaname from pg_tables where tablename = 'casbin' order by 1`);
  expect(rows).toEqual([{ schemaname: 'a' }, { schemaname: 'g' }]);
});

test('a generator that throws ends it with an error that has the report of those before, all of them done', async () => {
  const pool = (await createDatabase()).pool();
  const cause = new Error('the directory is gone');
  async function* tenants(): AsyncGenerator<Tenant> {
    yield { name: 'a', schema: 'a', pool };
    yield { name: 'b', schema: 'pg_b', pool };
    yield { name: 'c', schema: 'c', pool };
    throw cause;
  }

  const error: unknown = await bootstrapTenants(tenants()).catch((reason: unknown) => reason);

  if (!(error instanceof TenantSourceError)) throw error;
  expect(error).toMatchObject({ code: 'TENANTS_UNREADABLE', cause });
  expect(error.message).toBe(
    'Not all tenants could be read: the directory is gone. Of the tenants read before, 2 succeeded and 1 failed. Fix the source of the tenants and run it again, which is safe.',
  );
  expect(error.report).toMatchObject({ ok: false, total: 3, succeeded: 2, failed: 1, changed: 2 });
});
