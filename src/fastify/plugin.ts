import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import plugin from 'fastify-plugin';
import { createAccessCheck } from '../http/access-check.ts';
import type { DecidingEnforcer, RequestParts, WithDomain } from '../http/access-options.ts';
import { enforcerEntry, requireKnownPermission, requireShape } from '../http/access-shape.ts';
import type { PermissionNames, RegisteredPolicy } from '../policy/definition.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * A hook for routes that need a permission, as `onRequest`, or as `preHandler` where the subject or the domain is
     * not known before: `{ onRequest: app.requires('accounts', 'write') }`.
     */
    requires(...permission: PermissionNames<RegisteredPolicy>): PermissionsHook;
  }
}

/** A hook of Fastify. */
export type PermissionsHook = (
  request: FastifyRequest,
  reply: FastifyReply,
) => Promise<FastifyReply | undefined>;

/** The enforcer, and how to find subject and domain of a request. */
export type PermissionsOptions = RequestParts<FastifyRequest> &
  WithDomain<FastifyRequest, RegisteredPolicy> & {
    /** A live enforcer. The caller closes it, for example in an `onClose` hook. */
    readonly enforcer: DecidingEnforcer;
  };

/** The options of Fastify's `register`, which are passed to the plugin too. */
const REGISTER = ['prefix', 'logLevel', 'logSerializers'];

/**
 * A plugin that decorates the instance with `requires('accounts', 'write')`, which gives a hook for routes. In a
 * program that names its policy in {@link Register}, a misspelt resource or action does not compile; with the option
 * `policy`, it throws when the route is made.
 *
 * The answer to a refused request is a problem document of RFC 9457: 401 without a subject, 403, or 503 if the enforcer
 * is stale or closed, or fails. The request's own logger gets the reason.
 *
 * @throws InvalidOptionsError for options that can't be used, and for a model that does not fit them
 *
 * @example
 * await app.register(permissions, { enforcer: live, policy, subject: (request) => request.user?.name });
 * app.post('/accounts', { onRequest: app.requires('accounts', 'write') }, createAccount);
 */
export const permissions = plugin(
  async (app: FastifyInstance, options: PermissionsOptions): Promise<void> => {
    const own = Object.fromEntries(Object.entries(options).filter(([name]) => !REGISTER.includes(name)));
    requireShape(own, { enforcer: enforcerEntry });
    const check = createAccessCheck(options.enforcer, options);
    app.decorate('requires', (...permission: PermissionNames<RegisteredPolicy>): PermissionsHook => {
      requireKnownPermission(options, permission);
      return async (request, reply) => {
        const refusal = await check(request, permission, request.log);
        if (refusal === null) return undefined;
        // As text, because the response schema of the route does not describe it.
        const body = JSON.stringify(refusal.document);
        return reply.code(refusal.document.status).headers(refusal.headers).send(body);
      };
    });
  },
  { fastify: '5.x', name: 'casbin-bootstrap' },
);
