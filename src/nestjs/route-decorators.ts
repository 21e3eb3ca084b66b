import { type ExecutionContext, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Permission } from '../http/access-options.ts';
import type { PermissionNames, RegisteredPolicy } from '../policy/definition.ts';

const PERMISSIONS = 'casbin-bootstrap:permissions';
const METHODS = 'casbin-bootstrap:methods';
const PUBLIC = 'casbin-bootstrap:public';

const reflector = new Reflector();

/** A route handler or a controller. */
type Marked = Parameters<Reflector['get']>[1];

/** A controller, as Nest knows it. */
type Controller = ReturnType<ExecutionContext['getClass']>;

/** A method that serves a route. */
type Handler = ReturnType<ExecutionContext['getHandler']>;

/** The permissions of methods, by their names. */
type MethodPermissions = ReadonlyMap<string | symbol, readonly Permission[]>;

/**
 * Requires a permission for a route, or for all routes of a controller. If there are several, at either place or in a
 * class that the controller extends, all of them are required. {@link RequiresGuard} checks them. If the application
 * names its policy in {@link Register}, a misspelt resource or action does not compile.
 *
 * @example
 * \@Requires('accounts', 'write')
 * \@Post()
 * create() {}
 */
export function Requires(...permission: PermissionNames<RegisteredPolicy>): ClassDecorator & MethodDecorator {
  return (target: object, key?: string | symbol, descriptor?: PropertyDescriptor) => {
    const marked = descriptor?.value ?? target;
    mark(PERMISSIONS, [...permissionsOf(marked), permission], marked);
    if (key === undefined) return;
    // At the class too: a decorator above this one may replace the method by one that has no metadata.
    const methods = methodsOf(target);
    mark(METHODS, new Map([...methods, [key, [...(methods.get(key) ?? []), permission]]]), target);
  };
}

function mark(name: string, value: unknown, target: object): void {
  Reflect.apply(SetMetadata(name, value), undefined, [target]);
}

/** The permissions of a handler or a controller; a controller inherits those of the class that it extends. */
export function permissionsOf(marked: Marked): readonly Permission[] {
  return reflector.get<readonly Permission[] | undefined>(PERMISSIONS, marked) ?? [];
}

/**
 * The permissions of the methods of a class. It inherits those of the class that it extends, so a method that overrides
 * another one requires what that one requires.
 */
export function methodsOf(prototype: object): MethodPermissions {
  return reflector.get<MethodPermissions | undefined>(METHODS, prototype as Marked) ?? new Map();
}

/**
 * The permissions of a route handler, also if a decorator has replaced the method. A function that is a method of two
 * controllers requires those of both.
 *
 * @throws Error if methods of the class require permissions, and this handler has no metadata and is none of them
 */
export function permissionsOfHandler(controller: Controller, handler: Handler): readonly Permission[] {
  const methods = methodsOf(controller.prototype);
  const names = namesOf(controller.prototype, handler);
  // Both places have the same list, unless one of them was not marked.
  const permissions = new Set([
    ...permissionsOf(handler),
    ...names.flatMap((name) => methods.get(name) ?? []),
  ]);
  if (permissions.size > 0 || names.length > 0 || methods.size === 0) return [...permissions];
  throw new Error(
    `${controller.name} has no method ${handler.name}, so it is unknown which @Requires it has. Something has replaced the method at an instance: replace it at the class, before the application starts.`,
  );
}

/** The names by which a class has a method, also those that it inherits. */
function namesOf(prototype: object, handler: Handler): (string | symbol)[] {
  const names: (string | symbol)[] = [];
  for (let at: object | null = prototype; at !== null; at = Reflect.getPrototypeOf(at)) {
    const own = Object.getOwnPropertyDescriptors(at);
    names.push(...Reflect.ownKeys(own).filter((name) => Reflect.get(own, name).value === handler));
  }
  return names;
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
