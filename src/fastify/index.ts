/**
 * For Fastify 5: a plugin, and routes that require a permission.
 *
 * @module casbin-bootstrap/fastify
 */

export type { DecidingEnforcer, Found, RequestParts, WithDomain } from '../http/access-options.ts';
export type { PermissionNames, Register, RegisteredPolicy } from '../policy/definition.ts';
export { type PermissionsHook, type PermissionsOptions, permissions } from './plugin.ts';
