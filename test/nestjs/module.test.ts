import { NestFactory } from '@nestjs/core';
import { expect, test } from 'vitest';
import { bootstrapDatabase } from '../../src/index.ts';
import { CasbinBootstrapModule } from '../../src/nestjs/index.ts';
import { createDatabase } from '../support/database.ts';

test('an application that does not start for its model leaves no connection behind', async () => {
  const pool = (await createDatabase()).pool({ max: 1 });
  await bootstrapDatabase(pool, { seeders: [] });
  const given = { pool, subject: () => 'alice', domain: () => 'acme' };
  class Application {}
  const start = NestFactory.createApplicationContext(
    { module: Application, imports: [CasbinBootstrapModule.forRoot(given)] },
    { logger: false, abortOnError: false },
  );

  await expect(start).rejects.toThrow('Give domain for a model with domains');
  expect(pool.totalCount - pool.idleCount).toBe(0);
});
