import { Controller, type DynamicModule, Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createEmbeddedPool } from '../../src/embedded/index.ts';
import { bootstrapDatabase, defaultPolicy, type LiveEnforcer } from '../../src/index.ts';
import {
  CasbinBootstrapModule,
  LIVE_ENFORCER,
  type ModuleOptions,
  Requires,
  RequiresGuard,
} from '../../src/nestjs/index.ts';
import { STARTS_PGLITE } from '../embedded/timeout.ts';
import { createDatabase } from '../support/database.ts';

function start(given: ModuleOptions, controllers: (new () => object)[] = []) {
  return startWith([CasbinBootstrapModule.forRoot(given)], controllers);
}

function startWith(imports: DynamicModule[], controllers: (new () => object)[] = []) {
  class Application {}
  return NestFactory.createApplicationContext(
    { module: Application, imports, controllers },
    { logger: false, abortOnError: false },
  );
}

test('an application that does not start for its model leaves no connection behind', async () => {
  const pool = (await createDatabase()).pool({ max: 1 });
  await bootstrapDatabase(pool, { seeders: [] });
  const given = { pool, subject: () => 'alice', domain: () => 'acme' };

  await expect(start(given)).rejects.toThrow('Give domain for a model with domains');
  expect(pool.totalCount - pool.idleCount).toBe(0);
});

test('an application does not start with routes whose permissions the policy does not have, and names all of them', async () => {
  const pool = (await createDatabase()).pool({ max: 1 });
  class Accounts {
    add() {}
  }
  Controller()(Accounts);
  Requires('acounts', 'read')(Accounts);
  const descriptor = Object.getOwnPropertyDescriptor(Accounts.prototype, 'add') ?? {};
  Requires('accounts', 'wriet')(Accounts.prototype, 'add', descriptor);

  const given = { pool, policy: defaultPolicy, subject: () => 'alice' };
  await expect(start(given, [Accounts])).rejects.toMatchObject({
    problems: [
      { code: 'REQUEST_NAME_UNKNOWN', at: 'Accounts' },
      { code: 'REQUEST_NAME_UNKNOWN', at: 'Accounts.add' },
    ],
  });
});

test('an application on an embedded database has its session for itself', STARTS_PGLITE, async () => {
  const pool = createEmbeddedPool();
  onTestFinished(() => pool.end());
  await bootstrapDatabase(pool, { seeders: [] });
  const application = await start({ pool, subject: () => 'alice' });
  onTestFinished(() => application.close());

  await expect(pool.query('select 1 as free')).resolves.toMatchObject({ rows: [{ free: 1 }] });
});

test('an application does not start with a misspelt word for what becomes of unmarked routes', async () => {
  const pool = (await createDatabase()).pool({ max: 1 });
  const given = { pool, subject: () => 'alice', unmarkedRoutes: 'denied' as never };
  await expect(start(given)).rejects.toMatchObject({ problems: [{ at: 'unmarkedRoutes' }] });
});

test('its guard refuses unmarked routes if the options say so', async () => {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, { seeders: [] });
  const application = await start({ pool, subject: () => 'alice', unmarkedRoutes: 'deny' });
  class Events {
    take() {}
  }
  // For a request of HTTP it would answer, which takes a server.
  const context = new ExecutionContextHost([{}, {}], Events, Events.prototype.take);
  context.setType('rpc');
  const guard = application.get(RequiresGuard, { strict: false });
  await expect(guard.canActivate(context)).rejects.toThrow('Events.take is a handler of rpc');
  await application.close();
});

test('an application that shuts down closes its enforcer', async () => {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, { seeders: [] });
  const application = await start({ pool, subject: () => 'alice' });
  const live: LiveEnforcer = application.get(LIVE_ENFORCER);
  expect(live.state.status).toBe('current');
  await application.close();
  expect(live.state.status).toBe('closed');
});

test('its enforcer and its guard are there in every module, also where its options come from another one', async () => {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, { seeders: [] });
  const database = {
    module: class Database {},
    providers: [{ provide: 'pool', useValue: pool }],
    exports: ['pool'],
  };
  const reports = {
    module: class Reports {},
    providers: [{ provide: 'enforcer', inject: [LIVE_ENFORCER], useFactory: (live: LiveEnforcer) => live }],
  };
  const application = await startWith([
    reports,
    CasbinBootstrapModule.forRootAsync({
      imports: [database],
      inject: ['pool'],
      useFactory: (given: ModuleOptions['pool']) => ({ pool: given, subject: () => 'alice' }),
    }),
  ]);
  const live: LiveEnforcer = application.get('enforcer', { strict: false });
  expect(await live.enforce('admin', 'accounts', 'read')).toBe(true);

  class Health {
    check() {}
  }
  const context = new ExecutionContextHost([{}, {}], Health, Health.prototype.check);
  const guard = application.get(RequiresGuard, { strict: false });
  expect(await guard.canActivate(context), 'a route that says nothing').toBe(true);

  await application.close();
  expect(live.state.status).toBe('closed');
});

test("what the enforcer can't read is logged", async () => {
  const logged = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => {});
  onTestFinished(() => void vi.restoreAllMocks());
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, { seeders: [] });
  const application = await start({ pool, subject: () => 'alice' });
  const live: LiveEnforcer = application.get(LIVE_ENFORCER);

  await pool.query('alter table casbin rename to moved');
  await expect(live.caughtUp()).rejects.toThrow();
  expect(logged.mock.calls[0]?.[0]).toContain('The policy could not be read: ');
  await application.close();
});
