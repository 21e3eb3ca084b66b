import type { IncomingMessage, ServerResponse } from 'node:http';
import { createAccessCheck, type Refusal } from '../http/access-check.ts';
import type { DecidingEnforcer, RequestParts, WithDomain } from '../http/access-options.ts';
import { enforcerEntry, requireKnownPermission, requireShape } from '../http/access-shape.ts';
import { type LoggerLike, logError } from '../logger.ts';
import { loggerEntry } from '../options/shape.ts';
import type { PermissionNames, PolicyDefinition } from '../policy/definition.ts';
import { reasonOf } from '../text.ts';

/** The enforcer, and how to find subject and domain of a request. */
export interface MiddlewareOptions<Request, Policy = PolicyDefinition> extends RequestParts<Request, Policy> {
  /** A live enforcer. The caller closes it. */
  readonly enforcer: DecidingEnforcer;
  /** Logs denied requests (`info`), and those that could not be decided (`error`, or `warn`). Default: silent. */
  readonly logger?: LoggerLike | undefined;
}

/**
 * A middleware of Express. It takes whatever `params` a request has, so that in the handlers after it they have the
 * types that the path of the route says.
 */
export type Middleware<Request> = (
  request: IncomingMessage & Omit<Request, keyof IncomingMessage | 'params'>,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => Promise<void>;

/**
 * Creates a function that returns a middleware for a permission: `requires('accounts', 'write')`. With the `policy`
 * that `definePolicy` has returned, a misspelt resource or action does not compile; in JavaScript, it throws when the
 * route is defined.
 *
 * The answer to a refused request is a problem document of RFC 9457: 401 without a subject, 403, or 503 if the enforcer
 * is stale or closed, or fails.
 *
 * @throws InvalidOptionsError for options that can't be used, and for a model that does not fit them
 *
 * @example
 * const requires = createRequires({ enforcer: live, policy, subject: (request: Request) => request.user?.name });
 * app.post('/accounts', requires('accounts', 'write'), createAccount);
 */
export function createRequires<
  Policy extends PolicyDefinition = PolicyDefinition,
  Request extends IncomingMessage = IncomingMessage,
>(
  options: MiddlewareOptions<Request, Policy> & WithDomain<NoInfer<Request>, NoInfer<Policy>>,
): (...permission: PermissionNames<Policy>) => Middleware<Request> {
  requireShape(options, { enforcer: enforcerEntry, logger: loggerEntry });
  const check = createAccessCheck(options.enforcer, options);
  const log = toLog(options.logger);
  return (...permission) => {
    requireKnownPermission(options, permission);
    return async (request, response, next) => {
      try {
        // Express gives the whole request.
        const refusal = await check(request as Request, permission, log);
        if (refusal !== null) return answer(response, refusal);
      } catch (error) {
        return next(toError(error));
      }
      next();
    };
  };
}

/**
 * For Express, no error, `'route'` and `'router'` mean that the request goes on, past the other handlers of the route.
 */
function toError(thrown: unknown): object {
  if (typeof thrown === 'object' && thrown !== null) return thrown;
  return new Error(`the subject or the domain of a request can't be found: ${reasonOf(thrown)}`, {
    cause: thrown,
  });
}

function toLog(logger: LoggerLike | undefined) {
  return {
    info: (fields: object, message: string) => logger?.info(fields, message),
    error: (fields: object, message: string) => logger && logError(logger, fields, message),
  };
}

function answer(response: ServerResponse, { document, headers }: Refusal): void {
  const body = JSON.stringify(document);
  response.writeHead(document.status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body);
}
