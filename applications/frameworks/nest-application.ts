import 'reflect-metadata';
import {
  ConsoleLogger,
  Controller,
  Delete,
  Get,
  HttpCode,
  Module,
  Param,
  Post,
  UseGuards,
} from '@nestjs/common';
import { type AbstractHttpAdapter, APP_GUARD, NestFactory } from '@nestjs/core';
import type { LiveEnforcer } from 'casbin-bootstrap';
import { CasbinBootstrapModule, LIVE_ENFORCER, Requires, RequiresGuard } from 'casbin-bootstrap/nestjs';
import type { Application, Start } from './application.ts';
import { optionsOf, readUser } from './live.ts';

@Controller('accounts')
@Requires('accounts', 'read')
class AccountsController {
  @Get()
  list() {
    return { route: 'list' };
  }

  @Post()
  @HttpCode(200)
  @Requires('accounts', 'write')
  add() {
    return { route: 'add' };
  }

  @Delete(':id')
  @Requires('accounts', 'delete')
  remove(@Param('id') id: string) {
    return { route: 'delete', id };
  }
}

@Controller()
class InvoicesController {
  @Get('tenants/:tenant/invoices')
  @UseGuards(RequiresGuard)
  @Requires('invoices', 'read')
  list(@Param('tenant') tenant: string) {
    return { tenant };
  }

  @Get('invoices')
  @UseGuards(RequiresGuard)
  @Requires('invoices', 'read')
  all() {
    return {};
  }
}

@Controller('open')
class OpenController {
  @Get()
  show() {
    return { route: 'open' };
  }
}

interface PlatformRequest {
  readonly headers: Record<string, string | undefined>;
  readonly params: Record<string, string | undefined>;
}

const subject = (request: PlatformRequest) => readUser(request.headers['x-user']);

/** One whose guard is for all routes, and whose options come at once. */
function accountsModule(start: Start): object {
  @Module({
    imports: [
      CasbinBootstrapModule.forRoot({ ...optionsOf(start), pool: start.pool, subject, challenge: 'Bearer' }),
    ],
    controllers: [AccountsController, OpenController],
    providers: [{ provide: APP_GUARD, useClass: RequiresGuard }],
  })
  class AccountsModule {}
  return AccountsModule;
}

/** One whose guard is at its routes, and whose options depend on another module. */
function tenantsModule(start: Start): object {
  const POOL = 'the pool';
  @Module({ providers: [{ provide: POOL, useValue: start.pool }], exports: [POOL] })
  class DatabaseModule {}
  // The guard is injected here too, without an import.
  @Module({ controllers: [InvoicesController] })
  class InvoicesModule {}
  @Module({
    imports: [
      InvoicesModule,
      CasbinBootstrapModule.forRootAsync({
        imports: [DatabaseModule],
        inject: [POOL],
        useFactory: async (pool: Start['pool']) => ({
          ...optionsOf(start),
          pool,
          subject,
          domain: (request: PlatformRequest) => request.params.tenant,
        }),
      }),
    ],
    controllers: [OpenController],
  })
  class TenantsModule {}
  return TenantsModule;
}

class ListLogger extends ConsoleLogger {
  readonly errors: string[] = [];

  override error(message: unknown) {
    this.errors.push(String(message));
  }

  override log() {}

  override warn() {}
}

/** The same program on Express and on Fastify, by the adapter that is given. */
export async function startNest(adapter: AbstractHttpAdapter, start: Start): Promise<Application> {
  const logger = new ListLogger();
  const module = start.withTenants ? tenantsModule(start) : accountsModule(start);
  const app = await NestFactory.create(module, adapter, { logger, abortOnError: false });
  await app.listen(0, '127.0.0.1');
  return {
    url: await app.getUrl(),
    live: app.get<LiveEnforcer>(LIVE_ENFORCER),
    errors: logger.errors,
    close: () => app.close(),
  };
}
