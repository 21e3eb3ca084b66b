import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { bootstrapDatabase } from 'casbin-bootstrap';
import { CasbinBootstrapModule, RequiresGuard } from 'casbin-bootstrap/nestjs';
import type { Request } from 'express';
import pg from 'pg';
import { AccountsController } from './accounts.controller.js';
import { DatabaseModule } from './database.module.js';
import { HealthController } from './health.controller.js';
import { MembersController } from './members.controller.js';
import { options } from './policy.js';
import { readUser, subjectOf } from './user.js';

@Module({
  imports: [
    DatabaseModule,
    CasbinBootstrapModule.forRootAsync({
      imports: [DatabaseModule],
      inject: [pg.Pool],
      async useFactory(pool: pg.Pool) {
        // Before anything listens: an instance whose permissions are not what they should be never takes a request.
        const { changed, verification } = await bootstrapDatabase(pool, options);
        console.log(`${changed ? 'seeded' : 'nothing to do'}: ${verification.checks} decisions verified`);
        return {
          ...options,
          pool,
          unmarkedRoutes: 'deny',
          subject(request: Request) {
            const user = readUser(request);
            return user === undefined ? undefined : subjectOf(user);
          },
        };
      },
    }),
  ],
  controllers: [AccountsController, HealthController, MembersController],
  // For all routes: a route that has neither @Requires nor @Public() is refused.
  providers: [{ provide: APP_GUARD, useClass: RequiresGuard }],
})
export class AppModule {}
