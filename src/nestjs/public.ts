import { SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';

const PUBLIC = 'casbin-bootstrap:public';

const reflector = new Reflector();

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
export function isPublic(...marked: Parameters<Reflector['get']>[1][]): boolean {
  return marked.some((one) => reflector.get<boolean | undefined>(PUBLIC, one) === true);
}
