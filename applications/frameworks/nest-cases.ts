import 'reflect-metadata';
import { type BeforeApplicationShutdown, ConsoleLogger, Controller, Get, Module } from '@nestjs/common';
import { APP_GUARD, NestFactory } from '@nestjs/core';
import type { LiveEnforcer, PoolLike } from 'casbin-bootstrap';
import {
  CasbinBootstrapModule,
  LIVE_ENFORCER,
  type ModuleOptions,
  Public,
  Requires,
  RequiresGuard,
} from 'casbin-bootstrap/nestjs';
import { OPTIONS } from './policy.ts';

/** What its logger is told as errors. */
class ErrorLogger extends ConsoleLogger {
  readonly errors: string[] = [];

  override error(message: unknown) {
    this.errors.push(String(message));
  }
}

const options = (pool: PoolLike): ModuleOptions => ({
  ...OPTIONS,
  pool,
  subject: (request) => request.headers['x-user'],
});

/** An application with these controllers, whose guard is for all routes. */
async function start(
  pool: PoolLike,
  controllers: (new () => object) | (new () => object)[],
  providers: object[] = [],
  more: Partial<ModuleOptions> = {},
) {
  @Module({
    imports: [CasbinBootstrapModule.forRoot({ ...options(pool), ...more })],
    controllers: [controllers].flat(),
    providers: [{ provide: APP_GUARD, useClass: RequiresGuard }, ...(providers as [])],
  })
  class AppModule {}
  const logger = new ErrorLogger('test', { logLevels: ['error'] });
  const app = await NestFactory.create(AppModule, { logger, abortOnError: false });
  await app.listen(0, '127.0.0.1');
  return { app, url: await app.getUrl(), live: app.get<LiveEnforcer>(LIVE_ENFORCER), errors: logger.errors };
}

@Requires('accounts', 'delete')
abstract class GuardedController {}

/** One that extends a controller which requires something. */
export function startDerived(pool: PoolLike) {
  @Controller()
  @Requires('accounts', 'read')
  class DerivedController extends GuardedController {
    @Get()
    show() {
      return {};
    }
  }
  return start(pool, DerivedController);
}

/** One whose routes need several permissions each. */
export function startTwice(pool: PoolLike) {
  @Controller()
  class TwiceController {
    @Get()
    @Requires('accounts', 'read')
    @Requires('accounts', 'delete')
    show() {
      return {};
    }
  }
  return start(pool, TwiceController);
}

/** One that refuses routes which say nothing. */
export async function startClosed(pool: PoolLike) {
  @Controller()
  class ClosedController {
    @Get('forgotten')
    forgotten() {
      return {};
    }

    @Get('health')
    @Public()
    health() {
      return {};
    }

    @Get('accounts')
    @Requires('accounts', 'read')
    accounts() {
      return {};
    }
  }

  @Public()
  @Controller('open')
  class OpenController {
    @Get()
    show() {
      return {};
    }

    @Get('accounts')
    @Requires('accounts', 'delete')
    accounts() {
      return {};
    }
  }
  return start(pool, [ClosedController, OpenController], [], { unmarkedRoutes: 'deny' });
}

/** One whose routes require what the policy has no name for. */
export function startMisspelt(pool: PoolLike) {
  // The names are those of any policy here, as none is registered.
  @Controller()
  @Requires('acounts', 'read')
  class MisspeltController {
    @Get()
    @Requires('accounts', 'raed')
    show() {
      return {};
    }
  }
  return start(pool, MisspeltController);
}

/** One that asks itself while it shuts down; gives the status of the answer. */
export async function startAskingAtTheEnd(pool: PoolLike) {
  const statuses: number[] = [];
  let url = '';

  @Controller()
  class AskedController {
    @Get()
    @Requires('accounts', 'read')
    show() {
      return {};
    }
  }

  class Asking implements BeforeApplicationShutdown {
    async beforeApplicationShutdown() {
      const { status } = await fetch(url, { headers: { 'x-user': 'reader', connection: 'close' } });
      statuses.push(status);
    }
  }

  const started = await start(pool, AskedController, [Asking]);
  url = started.url;
  return { ...started, statuses };
}
