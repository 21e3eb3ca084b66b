// Each route says what it needs, and gets the hook that checks it:
//
//   app.get('/invoices', { config: { permission: ['invoices', 'read'] } }, handler)
//   app.get('/health', { config: { public: true } }, handler)

import { permissions } from 'casbin-bootstrap/fastify';
import { policy } from './policy.js';

/** Users and roles are subjects alike: with a prefix, a user who is called "manager" is not taken for the role. */
export function subjectOf(user) {
  return `user:${user}`;
}

/** In the header that the gateway sets, which has checked who it is. With tokens, verify the token here instead. */
export function readUser(request) {
  return request.headers['x-user'] || null;
}

/** Call it on the root instance, before any route is registered: Fastify's hooks hold for what comes after them. */
export async function requirePermissions(app, enforcer) {
  await app.register(permissions, {
    enforcer,
    policy,
    subject(request) {
      const user = readUser(request);
      return user === null ? null : subjectOf(user);
    },
  });

  app.addHook('onRoute', (route) => {
    const { public: isPublic, permission } = route.config ?? {};
    if (isPublic === true) return;
    if (!Array.isArray(permission)) {
      throw new Error(
        `Route ${route.method} ${route.url} says neither config.permission, as [resource, action], nor config.public.`,
      );
    }
    route.onRequest = [app.requires(...permission), ...[route.onRequest ?? []].flat()];
  });
}
