import {
  type ConfigurableModuleAsyncOptions,
  ConfigurableModuleBuilder,
  type ConfigurableModuleCls,
  type DynamicModule,
  Global,
  Inject,
  Logger,
  Module,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { DiscoveryModule, DiscoveryService } from '@nestjs/core';
import type { PoolLike } from '../database/client.ts';
import { createAccessCheck } from '../http/access-check.ts';
import type { RequestParts, WithDomain } from '../http/access-options.ts';
import { requireFittingModel, requireShape, unmarkedEntry } from '../http/access-shape.ts';
import type { BootstrapOptions } from '../options.ts';
import type { RegisteredPolicy } from '../policy/register.ts';
import { createLiveEnforcer, type LiveEnforcerOptions } from '../running/create-live-enforcer.ts';
import type { LiveEnforcer } from '../running/live-enforcer.ts';
import { requireKnownRoutes } from './known-routes.ts';
import { ACCESS_CHECK, RequiresGuard, UNMARKED_ROUTES, type UnmarkedRoutes } from './requires-guard.ts';

/** The live enforcer of the application, for `@Inject(LIVE_ENFORCER)`. */
export const LIVE_ENFORCER = Symbol('casbin-bootstrap:live-enforcer');

/** A request of the platform that Nest runs on: Express's or Fastify's. */
// biome-ignore lint/suspicious/noExplicitAny: Nest does not know which either
export type PlatformRequest = any;

/**
 * Where the policy is, how a live enforcer follows it, and who makes a request. The options that the database was
 * bootstrapped with may be among them.
 */
export type ModuleOptions = Omit<BootstrapOptions, 'policy'> &
  Omit<LiveEnforcerOptions, 'subject' | 'domain'> &
  RequestParts<PlatformRequest> &
  WithDomain<PlatformRequest, RegisteredPolicy> & {
    /** The pool that the live enforcer takes one connection of. The application ends it, after this module has closed. */
    readonly pool: PoolLike;
    /**
     * What the guard does about a route that has neither {@link Requires} nor {@link Public}: `allow` leaves it alone,
     * `deny` refuses each request. Default: `allow`.
     */
    readonly unmarkedRoutes?: UnmarkedRoutes;
  };

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<ModuleOptions>()
  .setClassMethodName('forRoot')
  .build();

/** What `forRoot` and `forRootAsync` are made by. */
const Configurable: ConfigurableModuleCls<ModuleOptions, 'forRoot'> = ConfigurableModuleClass;

/** Options that depend on other modules: `imports`, `inject` and `useFactory`, or `useClass` and `useExisting`. */
export type AsyncModuleOptions = ConfigurableModuleAsyncOptions<ModuleOptions>;

const logger = new Logger('casbin-bootstrap');

/**
 * Makes a live enforcer when the application starts, and closes it when it has served its last request. It is global:
 * {@link RequiresGuard} and {@link LIVE_ENFORCER} can be injected anywhere. The application does not start with rules that
 * do not fit the model, without a rule table, or, with the option `policy`, with a route that requires a name which the
 * policy does not have.
 *
 * @example
 * CasbinBootstrapModule.forRoot({ pool, ...options, subject: (request) => request.user?.name })
 */
export class CasbinBootstrapModule extends Configurable implements OnApplicationShutdown {
  /** With options that are known. */
  static override forRoot(options: ModuleOptions): DynamicModule {
    return { ...Configurable.forRoot(options), module: CasbinBootstrapModule };
  }

  /** With options that depend on other modules, such as the one that has the pool. */
  static override forRootAsync(options: AsyncModuleOptions): DynamicModule {
    return { ...Configurable.forRootAsync(options), module: CasbinBootstrapModule };
  }

  readonly #live: LiveEnforcer;

  constructor(live: LiveEnforcer) {
    super();
    this.#live = live;
  }

  /** Not before: until then, requests are served. */
  async onApplicationShutdown(): Promise<void> {
    await this.#live.close();
  }
}

Global()(CasbinBootstrapModule);
Module({
  imports: [DiscoveryModule],
  providers: [
    {
      provide: LIVE_ENFORCER,
      inject: [MODULE_OPTIONS_TOKEN, DiscoveryService],
      useFactory: makeLiveEnforcer,
    },
    { provide: ACCESS_CHECK, inject: [LIVE_ENFORCER, MODULE_OPTIONS_TOKEN], useFactory: createAccessCheck },
    {
      provide: UNMARKED_ROUTES,
      inject: [MODULE_OPTIONS_TOKEN],
      useFactory: ({ unmarkedRoutes = 'allow' }: ModuleOptions) => unmarkedRoutes,
    },
    RequiresGuard,
  ],
  exports: [LIVE_ENFORCER, ACCESS_CHECK, UNMARKED_ROUTES, RequiresGuard],
})(CasbinBootstrapModule);
Inject(LIVE_ENFORCER)(CasbinBootstrapModule, undefined, 0);

async function makeLiveEnforcer(options: ModuleOptions, discovery: DiscoveryService): Promise<LiveEnforcer> {
  const { pool, subject, domain, challenge, unmarkedRoutes, ...rest } = options;
  const { policy } = rest;
  requireShape({ subject, domain, challenge, policy, unmarkedRoutes }, { unmarkedRoutes: unmarkedEntry });
  // Nest knows all routes by now, and a connection that is taken after this check need not be given back.
  requireKnownRoutes(discovery, policy);
  const onError = (error: Error) =>
    logger.error(`The policy could not be read: ${error.message}`, error.stack);
  const live = await createLiveEnforcer(pool, { onError, ...rest });
  try {
    requireFittingModel(live, options);
    return live;
  } catch (error) {
    await live.close();
    throw error;
  }
}
