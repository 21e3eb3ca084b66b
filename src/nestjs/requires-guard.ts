import {
  type CanActivate,
  type ExecutionContext,
  HttpException,
  Inject,
  Injectable,
  Logger,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { AccessCheck, Refusal, RefusalLog } from '../http/access-check.ts';
import { permissionsOf } from './requires.ts';

/** The check that the module makes for the guard. */
export const ACCESS_CHECK = Symbol('casbin-bootstrap:access-check');

/**
 * Lets in who has the permissions that {@link Requires} says of the controller and of the route; a route of which nothing
 * is said it leaves alone. For `@UseGuards(RequiresGuard)`, or for all routes by
 * `{ provide: APP_GUARD, useClass: RequiresGuard }`.
 *
 * Who is not let in is answered with a problem document of RFC 9457, thrown as an `HttpException`: 401 without a
 * subject, 403, or 503 while the enforcer is not known to be up to date, or fails. Nest's logger is told why.
 */
export class RequiresGuard implements CanActivate {
  readonly #adapterHost: HttpAdapterHost;
  readonly #check: AccessCheck<unknown>;

  /** @hidden */
  constructor(adapterHost: HttpAdapterHost, check: AccessCheck<unknown>) {
    this.#adapterHost = adapterHost;
    this.#check = check;
  }

  /** Asks for each permission, that of the controller first. */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const permissions = [...permissionsOf(context.getClass()), ...permissionsOf(context.getHandler())];
    if (permissions.length > 0 && context.getType() !== 'http') {
      throw new Error(`@Requires is for routes of HTTP; this is a handler of ${context.getType()}.`);
    }
    const http = context.switchToHttp();
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

// What decorators do, which would need a setting of the compiler.
Injectable()(RequiresGuard);
Inject(HttpAdapterHost)(RequiresGuard, undefined, 0);
Inject(ACCESS_CHECK)(RequiresGuard, undefined, 1);

const logger = new Logger('casbin-bootstrap');

/** Nest's logger takes texts. */
const LOG: RefusalLog = {
  info: (_, message) => logger.log(message),
  error: (fields, message) => logger.error(message, stackOf(fields)),
};

function stackOf(fields: object): string | undefined {
  return 'err' in fields && fields.err instanceof Error ? fields.err.stack : undefined;
}
