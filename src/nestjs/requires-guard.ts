import {
  type CanActivate,
  type ExecutionContext,
  HttpException,
  Inject,
  Injectable,
  Logger,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { type AccessCheck, type Refusal, type RefusalLog, refuse } from '../http/access-check.ts';
import { isPublic, permissionsOf, permissionsOfHandler } from './route-decorators.ts';

/** The check that the module makes for the guard. */
export const ACCESS_CHECK = Symbol('casbin-bootstrap:access-check');

/** What the guard does about a route that requires nothing and is not public. */
export type UnmarkedRoutes = 'allow' | 'deny';

/** The option of that name, for the guard. */
export const UNMARKED_ROUTES = Symbol('casbin-bootstrap:unmarked-routes');

/**
 * Allows requests that have the permissions of {@link Requires} at the controller and at the route. A route without any
 * is allowed; if `unmarkedRoutes` is `deny`, it is refused unless it is {@link Public}. Use it by
 * `@UseGuards(RequiresGuard)`, or for all routes by `{ provide: APP_GUARD, useClass: RequiresGuard }`.
 *
 * The answer to a refused request is a problem document of RFC 9457, thrown as an `HttpException`: 401 without a
 * subject, 403, or 503 if the enforcer is stale or closed, or fails. Nest's logger gets the reason.
 *
 * It is for HTTP. For a handler of anything else, such as a message or an event of a WebSocket, it throws an error if
 * the handler requires a permission, or is not public and `unmarkedRoutes` is `deny`.
 */
export class RequiresGuard implements CanActivate {
  readonly #adapterHost: HttpAdapterHost;
  readonly #check: AccessCheck<unknown>;
  readonly #unmarked: UnmarkedRoutes;

  /** @hidden */
  constructor(adapterHost: HttpAdapterHost, check: AccessCheck<unknown>, unmarked: UnmarkedRoutes) {
    this.#adapterHost = adapterHost;
    this.#check = check;
    this.#unmarked = unmarked;
  }

  /** Checks each permission, that of the controller first. */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const [controller, handler] = [context.getClass(), context.getHandler()];
    const permissions = [...permissionsOf(controller), ...permissionsOfHandler(controller, handler)];
    const isRefused = permissions.length === 0 && this.#unmarked === 'deny' && !isPublic(controller, handler);
    if (permissions.length === 0 && !isRefused) return true;
    const place = `${controller.name}.${handler.name}`;
    if (context.getType() !== 'http') {
      throw new Error(
        `RequiresGuard decides on requests of HTTP, and ${place} is a handler of ${context.getType()}. Use a guard of your own there, which asks LIVE_ENFORCER, and mark the handler with @Public().`,
      );
    }
    const http = context.switchToHttp();
    if (isRefused) {
      LOG.error({}, `A request was refused because ${place} has neither @Requires nor @Public()`);
      throw this.#toException(refuse(403), http.getResponse());
    }
    for (const permission of permissions) {
      const refusal = await this.#check(http.getRequest(), permission, LOG);
      if (refusal !== null) throw this.#toException(refusal, http.getResponse());
    }
    return true;
  }

  /** Nest's own filter writes the document, and leaves a content type that is set as it is. */
  #toException({ document, headers }: Refusal, response: unknown): HttpException {
    for (const [name, value] of Object.entries(headers)) {
      this.#adapterHost.httpAdapter.setHeader(response, name, value);
    }
    return new HttpException({ ...document }, document.status);
  }
}

// Calls the decorators as functions, because their syntax needs a setting of the compiler.
Injectable()(RequiresGuard);
Inject(HttpAdapterHost)(RequiresGuard, undefined, 0);
Inject(ACCESS_CHECK)(RequiresGuard, undefined, 1);
Inject(UNMARKED_ROUTES)(RequiresGuard, undefined, 2);

const logger = new Logger('casbin-bootstrap');

/** Nest's logger takes texts. */
const LOG: RefusalLog = {
  info: (_, message) => logger.log(message),
  error: (fields, message) => logger.error(message, stackOf(fields)),
};

function stackOf(fields: object): string | undefined {
  return 'err' in fields && fields.err instanceof Error ? fields.err.stack : undefined;
}
