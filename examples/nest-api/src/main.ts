import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { changePolicy } from 'casbin-bootstrap';
import pg from 'pg';
import { AppModule } from './app.module.js';
import { policy } from './policy.js';
import { subjectOf } from './user.js';

const { PORT = '3000', FIRST_MANAGER } = process.env;
const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
app.enableShutdownHooks();

if (FIRST_MANAGER) {
  const client = await app.get(pg.Pool).connect();
  const assign = [[subjectOf(FIRST_MANAGER), 'manager']] as const;
  await changePolicy(client, { assign }, { policy, actor: 'main.ts', reason: 'FIRST_MANAGER' });
  client.release();
}

await app.listen(PORT);
