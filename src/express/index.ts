/**
 * For Express 4 and 5, and whatever else calls middleware as they do: routes that require a permission.
 *
 * @module casbin-bootstrap/express
 */

export type { DecidingEnforcer, Found, RequestParts, WithDomain } from '../http/access-options.ts';
export type { PermissionNames } from '../policy/definition.ts';
export { createRequires, type Middleware, type MiddlewareOptions } from './middleware.ts';
