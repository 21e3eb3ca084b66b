// Each route says what it needs, and one hook asks the enforcer for all of them:
//
//   app.get('/invoices', { config: { permission: ['invoices', 'read'] } }, handler)
//   app.get('/health', { config: { public: true } }, handler)

/** Users and roles are subjects alike: with a prefix, a user who is called "manager" is not taken for the role. */
export function subjectOf(user) {
  return `user:${user}`;
}

/** Call it on the root instance, before any route is registered: Fastify's hooks hold for what comes after them. */
export function requirePermissions(app, enforcer) {
  app.decorateRequest('user', null);

  app.addHook('onRoute', ({ method, url, config }) => {
    if (config?.public === true || isPermission(config?.permission)) return;
    throw new Error(
      `Route ${method} ${url} says neither config.permission, as [resource, action], nor config.public.`,
    );
  });

  app.addHook('onRequest', async (request, reply) => {
    const { public: isPublic, permission } = request.routeOptions.config;
    if (request.is404 || isPublic === true) return;
    request.user = readUser(request);
    if (request.user === null) return reply.code(401).send({ error: 'Who are you?' });
    if (await enforcer.enforce(subjectOf(request.user), ...permission)) return;
    const [resource, action] = permission;
    request.log.info({ user: request.user, resource, action }, 'denied');
    return reply.code(403).send({ error: `${request.user} may not ${action} ${resource}` });
  });
}

function isPermission(permission) {
  return Array.isArray(permission) && permission.length === 2;
}

/** In the header that the gateway sets, which has checked who it is. With tokens, verify the token here instead. */
function readUser(request) {
  return request.headers['x-user'] || null;
}
