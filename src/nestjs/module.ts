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
import { InvalidOptionsError, type Problem } from '../errors.ts';
import { createAccessCheck } from '../http/access-check.ts';
import { checkPermission, type RequestParts, type WithDomain } from '../http/access-options.ts';
import { requireFittingModel, requireShape, unmarkedEntry } from '../http/access-shape.ts';
import type { BootstrapOptions } from '../options.ts';
import type { PolicyDefinition, RegisteredPolicy } from '../policy/definition.ts';
import { createLiveEnforcer, type LiveEnforcerOptions } from '../running/create-live-enforcer.ts';
import type { LiveEnforcer } from '../running/live-enforcer.ts';
import { ACCESS_CHECK, RequiresGuard, UNMARKED_ROUTES, type UnmarkedRoutes } from './requires-guard.ts';
import { methodsOf, permissionsOf } from './route-decorators.ts';

/** The live enforcer of the application, for `@Inject(LIVE_ENFORCER)`. */
export const LIVE_ENFORCER = Symbol('casbin-bootstrap:live-enforcer');

/** A request of the platform that Nest runs on: Express's or Fastify's. */
// biome-ignore lint/suspicious/noExplicitAny: Nest does not know which either
export type PlatformRequest = any;

/**
 * The options of the pool, the live enforcer and the requests. The options that the database was bootstrapped with may
 * be among them.
 */
export type ModuleOptions = Omit<BootstrapOptions, 'policy'> &
  Omit<LiveEnforcerOptions, 'subject' | 'domain'> &
  RequestParts<PlatformRequest> &
  WithDomain<PlatformRequest, RegisteredPolicy> & {
    /**
     * The pool from which the live enforcer takes one connection. The application ends it after this module has closed.
     */
    readonly pool: PoolLike;
    /**
     * What the guard does about a route that has neither {@link Requires} nor {@link Public}: `allow` leaves it alone,
     * `deny` refuses each request. Default: `allow`.
     */
    readonly unmarkedRoutes?: UnmarkedRoutes | undefined;
  };

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<ModuleOptions>()
  .setClassMethodName('forRoot')
  .build();

/** Provides `forRoot` and `forRootAsync`. */
const Configurable: ConfigurableModuleCls<ModuleOptions, 'forRoot'> = ConfigurableModuleClass;

/** Options that depend on other modules: `imports`, `inject` and `useFactory`, or `useClass` and `useExisting`. */
export type AsyncModuleOptions = ConfigurableModuleAsyncOptions<ModuleOptions>;

const logger = new Logger('casbin-bootstrap');

/**
 * Creates a live enforcer when the application starts, and closes it after the last request. The module is global:
 * {@link RequiresGuard} and {@link LIVE_ENFORCER} can be injected anywhere. The application does not start if stored
 * rules do not fit the model, if there is no rule table, or, with the option `policy`, if a route requires a name that
 * the policy does not have.
 *
 * @example
 * CasbinBootstrapModule.forRoot({ pool, ...options, subject: (request) => request.user?.name })
 */
export class CasbinBootstrapModule extends Configurable implements OnApplicationShutdown {
  /** Takes the options directly. */
  static override forRoot(options: ModuleOptions): DynamicModule {
    return { ...Configurable.forRoot(options), module: CasbinBootstrapModule };
  }

  /** Takes options that depend on other modules, such as the one that has the pool. */
  static override forRootAsync(options: AsyncModuleOptions): DynamicModule {
    return { ...Configurable.forRootAsync(options), module: CasbinBootstrapModule };
  }

  readonly #live: LiveEnforcer;

  constructor(live: LiveEnforcer) {
    super();
    this.#live = live;
  }

  /** Closes the enforcer here and not earlier, because Nest serves requests until then. */
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
  const { pool, subject, domain, challenge, unmarkedRoutes, onError = logFailure, ...rest } = options;
  const { policy } = rest;
  requireShape({ subject, domain, challenge, policy, unmarkedRoutes }, { unmarkedRoutes: unmarkedEntry });
  // Nest knows all routes now, and there is no connection yet that would have to be returned.
  requireKnownRoutes(discovery, policy);
  const live = await createLiveEnforcer(pool, { onError, ...rest });
  try {
    requireFittingModel(live, options);
    return live;
  } catch (error) {
    await live.close();
    throw error;
  }
}

function logFailure(error: Error): void {
  logger.error(`The policy could not be read: ${error.message}`, error.stack);
}

type Policy = PolicyDefinition | string | null | undefined;

/** Refuses to start if routes require names that the policy does not have, and reports all of them. */
function requireKnownRoutes(discovery: DiscoveryService, policy: Policy): void {
  const problems = discovery.getControllers().flatMap(({ metatype }): Problem[] => {
    if (typeof metatype !== 'function') return [];
    const ofClass = permissionsOf(metatype).map((permission) => ({ permission, at: metatype.name }));
    const ofRoutes = [...methodsOf(metatype.prototype)].flatMap(([name, permissions]) =>
      permissions.map((permission) => ({ permission, at: `${metatype.name}.${String(name)}` })),
    );
    return [...ofClass, ...ofRoutes].flatMap(({ permission, at }) => checkPermission(policy, permission, at));
  });
  if (problems.length > 0) throw new InvalidOptionsError(problems);
}
