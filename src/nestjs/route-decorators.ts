import { SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Permission } from '../http/access-options.ts';
import type { PermissionNames, RegisteredPolicy } from '../policy/definition.ts';

const PERMISSIONS = 'casbin-bootstrap:permissions';
const PUBLIC = 'casbin-bootstrap:public';

const reflector = new Reflector();

/** What a route handler or a controller can be marked by. */
type Marked = Parameters<Reflector['get']>[1];

/**
 * A route, or all routes of a controller, need a permission. Whatever is said of both holds, and so does each of
 * several. It is the guard that asks: {@link RequiresGuard}. In a program that names its policy in {@link Register}, a
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

/** What it has been marked with so far; a controller with what those that it extends are. */
export function permissionsOf(marked: Marked): readonly Permission[] {
  return reflector.get<readonly Permission[] | undefined>(PERMISSIONS, marked) ?? [];
}

/**
 * A route, or all routes of a controller, need no permission, where `unmarkedRoutes` is `deny`: a health check, a login. A
 * route that says what it {@link Requires} requires it all the same.
 *
 * @example
 * \@Public()
 * \@Get('health')
 * check() {}
 */
export function Public(): ClassDecorator & MethodDecorator {
  return SetMetadata(PUBLIC, true);
}

/** Whether one of these is marked so: a route, and its controller. */
export function isPublic(...marked: Marked[]): boolean {
  return marked.some((one) => reflector.get<boolean | undefined>(PUBLIC, one) === true);
}
