import { SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Permission } from '../http/access-options.ts';
import type { PermissionNames, RegisteredPolicy } from '../policy/definition.ts';

const PERMISSIONS = 'casbin-bootstrap:permissions';
const PUBLIC = 'casbin-bootstrap:public';

const reflector = new Reflector();

/** A route handler or a controller. */
type Marked = Parameters<Reflector['get']>[1];

/**
 * Requires a permission for a route, or for all routes of a controller. If there are several, at either place, all of
 * them are required. {@link RequiresGuard} checks them. If the application names its policy in {@link Register}, a
 * misspelt resource or action does not compile.
 *
 * @example
 * \@Requires('accounts', 'write')
 * \@Post()
 * create() {}
 */
export function Requires(...permission: PermissionNames<RegisteredPolicy>): ClassDecorator & MethodDecorator {
  return (target: object, key?: string | symbol, descriptor?: PropertyDescriptor) => {
    const before = permissionsOf(descriptor?.value ?? target);
    Reflect.apply(SetMetadata(PERMISSIONS, [...before, permission]), undefined, [target, key, descriptor]);
  };
}

/** The permissions of a handler or a controller; a controller inherits those of the class that it extends. */
export function permissionsOf(marked: Marked): readonly Permission[] {
  return reflector.get<readonly Permission[] | undefined>(PERMISSIONS, marked) ?? [];
}

/**
 * Marks a route, or all routes of a controller, that need no permission although `unmarkedRoutes` is `deny`: a health
 * check, a login. If the route also has {@link Requires}, that permission is still required.
 *
 * @example
 * \@Public()
 * \@Get('health')
 * check() {}
 */
export function Public(): ClassDecorator & MethodDecorator {
  return SetMetadata(PUBLIC, true);
}

/** Whether the route or its controller is public. */
export function isPublic(...marked: Marked[]): boolean {
  return marked.some((one) => reflector.get<boolean | undefined>(PUBLIC, one) === true);
}
