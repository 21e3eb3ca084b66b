/**
 * For Nest, on Express and on Fastify: a module, a guard, and routes that require a permission.
 *
 * @module casbin-bootstrap/nestjs
 */

export type { DecidingEnforcer, Found, RequestParts, WithDomain } from '../http/access-options.ts';
export type { PermissionNames, Register, RegisteredPolicy } from '../policy/definition.ts';
export {
  type AsyncModuleOptions,
  CasbinBootstrapModule,
  LIVE_ENFORCER,
  type ModuleOptions,
  type PlatformRequest,
} from './module.ts';
export { RequiresGuard, type UnmarkedRoutes } from './requires-guard.ts';
export { Public, Requires } from './route-decorators.ts';
