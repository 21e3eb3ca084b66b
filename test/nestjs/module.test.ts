import { Controller } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { expect, test } from 'vitest';
import { bootstrapDatabase, defaultPolicy, type LiveEnforcer } from '../../src/index.ts';
import {
  CasbinBootstrapModule,
  LIVE_ENFORCER,
  type ModuleOptions,
  Requires,
} from '../../src/nestjs/index.ts';
import { createDatabase } from '../support/database.ts';

function start(given: ModuleOptions, controllers: (new () => object)[] = []) {
  class Application {}
  const imports = [CasbinBootstrapModule.forRoot(given)];
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

test('an application that shuts down closes its enforcer', async () => {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, { seeders: [] });
  const application = await start({ pool, subject: () => 'alice' });
  const live: LiveEnforcer = application.get(LIVE_ENFORCER);
  expect(live.state.status).toBe('current');
  await application.close();
  expect(live.state.status).toBe('closed');
});
