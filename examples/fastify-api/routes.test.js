import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { createLiveEnforcer } from 'casbin-bootstrap';
import { createTestDatabase } from 'casbin-bootstrap/testing';
import { policyTests } from 'casbin-bootstrap/testing/node';
import { buildApp } from './app.js';
import { subjectOf } from './permissions.js';
import { options, policy } from './policy.js';

/** Who may call what. The test fails for a route that is not listed here, and for a role too many. */
const ACCESS = {
  'GET /health': ['(nobody)', 'visitor', 'viewer', 'clerk', 'manager'],
  'GET /invoices': ['viewer', 'clerk', 'manager'],
  'POST /invoices': ['clerk', 'manager'],
  'POST /invoices/:id/approval': ['manager'],
  'PUT /members/:name/roles/:role': ['manager'],
  'DELETE /members/:name/roles/:role': ['manager'],
  'GET /members/:name/history': ['manager'],
};

const ROLES = Object.keys(policy.roles);

/** A caller without a login, a user without a role, and a user of each role. */
const CALLERS = ['(nobody)', 'visitor', ...ROLES];

/** The user who calls. */
const userOf = (caller) => `some-${caller}`;

const database = await createTestDatabase(options);
const { pool } = database;
const enforcer = await createLiveEnforcer(pool, options);
await enforcer.addGroupingPolicies(ROLES.map((role) => [subjectOf(userOf(role)), role]));
const routes = [];
const app = await buildApp({ pool, enforcer, onRoute: (route) => routes.push(route) });
await app.ready();
after(async () => {
  await app.close();
  await enforcer.close();
  await database.end();
});

describe('the policy', () => policyTests(policy));

/** Fastify answers HEAD wherever it answers GET. */
const served = routes.flatMap(({ method, ...route }) =>
  [method].flat().map((one) => ({ method: one, ...route })),
);

describe('each route, called by each role', () => {
  for (const { method, url, config } of served) {
    for (const caller of CALLERS) {
      test(`${method} ${url} by ${caller}`, async () => {
        assert.equal(await mayCall(caller, method, url), await mayByPolicy(caller, config));
      });
    }
  }
});

test('who may call what is as it is written above', async () => {
  const access = {};
  for (const { method, url } of served.filter(({ method }) => method !== 'HEAD')) {
    const allowed = await Promise.all(CALLERS.map((caller) => mayCall(caller, method, url)));
    access[`${method} ${url}`] = CALLERS.filter((_, index) => allowed[index]);
  }
  assert.deepEqual(access, ACCESS);
});

test('a user who is called like a role does not have it', async () => {
  const { statusCode } = await app.inject({ url: '/invoices', headers: { 'x-user': 'manager' } });
  assert.equal(statusCode, 403);
});

/** What the policy says, by the enforcer itself. Nobody may call a route without a permission. */
async function mayByPolicy(caller, { public: isPublic = false, permission = null } = {}) {
  if (isPublic) return true;
  return (
    caller !== '(nobody)' && permission !== null && enforcer.enforce(subjectOf(userOf(caller)), ...permission)
  );
}

/** Whether the request gets past the hook, whatever the route makes of it. */
async function mayCall(caller, method, url) {
  const headers = caller === '(nobody)' ? {} : { 'x-user': userOf(caller) };
  const { statusCode } = await app.inject({ method, url: url.replaceAll(/:\w+/g, '1'), headers });
  return statusCode !== 401 && statusCode !== 403;
}
