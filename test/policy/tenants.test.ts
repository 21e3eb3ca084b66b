import { newModelFromString } from 'casbin';
import { expect, test } from 'vitest';
import {
  bootstrapDatabase,
  defaultModelPath,
  domainsModelPath,
  loadPolicyFile,
  type PolicyDefinition,
  policyToCsv,
} from '../../src/index.ts';
import { resolveOptions } from '../../src/options/resolve.ts';
import { compilePolicy } from '../../src/policy/compile.ts';
import { formatRule } from '../../src/policy/rule.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { loadProblems, writeTemporary } from './temporary-file.ts';

const pool = { connect: () => Promise.reject(new Error('no database is needed')) };

const YAML = `
domains:
  roles:
    viewer: { permissions: { invoices: [read] } }
    clerk: { inherits: [viewer], permissions: { invoices: [write] } }
  tenants: [acme, globex]
rules:
  - [g, alice, clerk, acme]
never:
  - [alice, globex, invoices, read]
`;

/** What a bootstrap with this policy and this model says of them. */
function problemsOf(policy: PolicyDefinition | string, model = domainsModelPath): Promise<string[]> {
  const path = typeof policy === 'string' ? policy : 'no file';
  return loadProblems(bootstrapDatabase(pool, { policy, model, seeders: [] }), path);
}

async function problemsIn(text: string, name = 'policy.yaml'): Promise<string[]> {
  return problemsOf(await writeTemporary(name, text));
}

const ROLES = {
  viewer: { permissions: { invoices: ['read'] } },
  clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
};

test('tenants in YAML have the rules and the places of their roles, and keep what is promised', async () => {
  const policy = await writeTemporary('policy.yaml', YAML);
  const rules = compilePolicy(await loadPolicyFile(policy));
  expect(rules.map(({ at, ...rule }) => `${formatRule(rule)} @ ${at.slice(policy.length + 1)}`)).toEqual([
    'p, viewer, acme, invoices, read @ 4:41',
    'p, clerk, acme, invoices, write @ 5:60',
    'g, clerk, viewer, acme @ 5:25',
    'p, viewer, globex, invoices, read @ 4:41',
    'p, clerk, globex, invoices, write @ 5:60',
    'g, clerk, viewer, globex @ 5:25',
    'g, alice, clerk, acme @ 8:5',
  ]);
  const { promises } = await resolveOptions(pool, { policy, model: domainsModelPath, seeders: [] });
  const { expectations } = await promises.decide();
  const requests = [...expectations].filter(({ expected }) => expected === 'allow');
  const allowed = new Set(requests.map(({ request }) => request.join(' ')));
  expect(allowed).toContain('clerk globex invoices read');
  expect(allowed).toContain('alice acme invoices write');
  expect(allowed.size).toBe(8);
});

test('JSON has the same tenants, and CSV their rules', async () => {
  const inYaml = await loadPolicyFile(await writeTemporary('policy.yaml', YAML));
  const inJson = await loadPolicyFile(await writeTemporary('policy.json', JSON.stringify(inYaml)));
  expect(inJson).toEqual(inYaml);
  const inCsv = await loadPolicyFile(await writeTemporary('policy.csv', policyToCsv(inYaml)));
  const lines = (policy: PolicyDefinition) => compilePolicy(policy).map(formatRule);
  expect(lines(inCsv)).toEqual(lines(inYaml));
  expect(lines(inCsv)).toContain('g, clerk, viewer, globex');
});

test('everything that is wrong with tenants and their roles is reported once, with its place', async () => {
  const text = `
domains:
  roles:
    viewer: { inherits: [viewr], permissions: { invoices: [read, read] } }
    a: { inherits: [b, a], permissions: { "in,voices": [read] } }
    b: { inherits: [a] }
  tenants: [acme, globex, acme, "in(itech", "umbr\\0ella", "", globex]
rules:
  - [p, viewer, globex, invoices, read]
  - [g, alice]
`;
  expect(await problemsIn(text)).toEqual([
    '7:27 TENANT_DUPLICATE tenant "acme" is already listed at 7:13. Remove one of them.',
    '7:63 TENANT_DUPLICATE tenant "globex" is already listed at 7:19. Remove one of them.',
    expect.stringMatching(/^7:45 VALUE_UNSTORABLE value "umbr\\u0000ella"/),
    expect.stringMatching(/^7:33 VALUE_DISTORTED .*"p, role, in\(itech, resource, action"/),
    expect.stringMatching(/^7:59 NAME_EMPTY the name of a tenant is empty/),
    expect.stringMatching(/^4:26 ROLE_UNDEFINED .*"viewr".* Add it under domains\.roles,/),
    expect.stringMatching(/^10:5 RULE_WRONG_LENGTH rule "g, alice" has 1 value/),
    expect.stringMatching(/^5:24 ROLE_INHERITS_ITSELF role "a"/),
    expect.stringMatching(/^5:21 ROLE_CYCLE .* in domain acme: a → b → a/),
    expect.stringMatching(/^4:66 RULE_DUPLICATE .* 4:60\./),
    expect.stringMatching(/^9:5 RULE_DUPLICATE .* 4:60\./),
    expect.stringMatching(/^5:57 VALUE_DISTORTED .*"p, a, acme, \\"in,voices\\", read"|in,voices/),
  ]);
});

test("a name that can't be used is reported once, also of the first tenant", async () => {
  expect(await problemsOf({ domains: { roles: ROLES, tenants: ['in(itech', 'acme'] } })).toEqual([
    expect.stringMatching(
      /^policy\.domains\.tenants\[0\] VALUE_DISTORTED .*"p, role, in\(itech, resource, action"/,
    ),
  ]);
});

test('a file of tenants is checked when it is loaded, whatever the model', async () => {
  const text = YAML.replace('[acme, globex]', '[acme, acme, "a\\0"]').replace('[viewer]', '[viewr]');
  const path = await writeTemporary('policy.yaml', text);
  expect(await loadProblems(loadPolicyFile(path), path)).toEqual([
    expect.stringMatching(/^6:19 TENANT_DUPLICATE /),
    expect.stringMatching(/^6:25 VALUE_UNSTORABLE /),
    expect.stringMatching(/^5:25 ROLE_UNDEFINED /),
  ]);
});

test('tenants that are known later are spread into a file of roles, and its places stay', async () => {
  const path = await writeTemporary('policy.yaml', YAML.replace('[acme, globex]', '[]'));
  const file = await loadPolicyFile(path);
  const roles = { ...file.domains?.roles, clerk: { inherits: ['viewr'] } };
  const problems = await problemsOf({ ...file, domains: { roles, tenants: ['acme', 'globex', 'acme'] } });
  expect(problems).toEqual([
    expect.stringMatching(/^policy\.domains\.tenants\[2\] TENANT_DUPLICATE .*policy\.domains\.tenants\[0\]/),
    expect.stringMatching(/^policy\.domains\.roles\.clerk\.inherits\[0\] ROLE_UNDEFINED/),
  ]);
  const rules = compilePolicy({ ...file, domains: { roles, tenants: ['acme'] } });
  expect(rules.map(({ at }) => at)).toEqual([
    `${path}:4:41`,
    'policy.domains.roles.clerk.inherits[0]',
    `${path}:8:5`,
  ]);
});

test('inheritance that is too deep is reported once for all tenants', async () => {
  const names = Array.from({ length: 12 }, (_, n) => `r${n}`);
  const roles = Object.fromEntries(
    names.map((name, n) => [name, n === 0 ? {} : { inherits: [`r${n - 1}`] }]),
  );
  const problems = await problemsOf({ domains: { roles, tenants: ['acme', 'globex', 'initech'] } });
  expect(problems).toEqual([
    expect.stringMatching(/^policy\.domains\.roles\.r11\.inherits\[0\] ROLE_TOO_DEEP .* in domain acme/),
  ]);
});

test('a circle of roles is reported once for ten thousand tenants', async () => {
  const tenants = Array.from({ length: 10_000 }, (_, n) => `tenant${n}`);
  const roles = { ...ROLES, viewer: { inherits: ['clerk'] } };
  expect(await problemsOf({ domains: { roles, tenants } })).toEqual([
    expect.stringMatching(/^policy\.domains\.roles\.viewer\.inherits\[0\] ROLE_CYCLE .* in domain tenant0: /),
  ]);
});

test('a raw link that makes a circle in one tenant is reported for that tenant', async () => {
  const problems = await problemsOf({
    domains: { roles: ROLES, tenants: ['acme', 'globex'] },
    rules: [['g', 'viewer', 'clerk', 'globex']],
  });
  expect(problems).toEqual([expect.stringMatching(/ROLE_CYCLE .* in domain globex: clerk → viewer → clerk/)]);
});

test.each([
  ['domains: 1', '1:1 OPTION_INVALID domains: must be an object with roles and tenants (it is 1).'],
  [
    'domains: { roles: {} }',
    '1:1 OPTION_INVALID domains.tenants: it is missing: domains must be an object with roles and tenants.',
  ],
  [
    'domains: { roles: [], tenants: [] }',
    '1:12 OPTION_INVALID domains.roles: must be an object of role → definition (it is a list).',
  ],
  [
    'domains: { roles: {}, tenants: [1] }',
    '1:33 OPTION_INVALID domains.tenants[0]: must be a string: quote it (it is 1).',
  ],
  [
    'domains: { roles: {}, tenants: [], never: [] }',
    '1:36 OPTION_UNKNOWN domains.never: there is no such option. Known are roles, tenants.',
  ],
  [
    'roles: {}\ndomains: { roles: {}, tenants: [] }',
    '2:1 OPTION_INVALID domains: it is beside roles, whose rules have no domain, and no model has room for both. Move those roles into domains, or remove one of the two.',
  ],
  [
    'domains: { roles: { a: {} }, tenants: [] }',
    '1:1 POLICY_EMPTY the policy has no rules. Define some, or give policy: null for a database whose policy is not defined here.',
  ],
])('%s is refused', async (text, problem) => {
  expect(await problemsIn(text)).toEqual([problem]);
});

test('in code, domains beside roles are refused as well', async () => {
  expect(await problemsOf({ roles: ROLES, domains: { roles: ROLES, tenants: ['acme'] } })).toEqual([
    expect.stringMatching(/^policy\.domains OPTION_INVALID it is beside roles/),
  ]);
});

test('a misspelt name in a request with a domain is reported as a role, domain, resource or action', async () => {
  const never = [
    ['viewr', 'acme', 'invoices', 'write'],
    ['viewer', 'acm', 'invoice', 'wriet'],
  ];
  const policy = { domains: { roles: ROLES, tenants: ['acme'] }, never };
  expect(await problemsOf(policy)).toEqual([
    expect.stringMatching(/^policy\.never\[0\]\[0\] REQUEST_NAME_UNKNOWN no role .* "viewr"/),
    expect.stringMatching(/^policy\.never\[1\]\[1\] REQUEST_NAME_UNKNOWN no tenant .* "acm"/),
    expect.stringMatching(/^policy\.never\[1\]\[2\] REQUEST_NAME_UNKNOWN no resource .* "invoice"/),
    expect.stringMatching(/^policy\.never\[1\]\[3\] REQUEST_NAME_UNKNOWN no action .* "wriet"/),
  ]);
  const withUsers = { ...policy, rules: [['g', 'alice', 'viewer', 'acme']] };
  await expect(resolveOptions(pool, { policy: withUsers, model: domainsModelPath })).resolves.toBeDefined();
});

test('a request per domain that the definition decides differently is reported', async () => {
  const domains = { roles: ROLES, tenants: ['acme', 'globex'] };
  expect(await problemsOf({ domains, deny: [['clerk', 'globex', 'invoices', 'read']] })).toEqual([
    expect.stringMatching(
      /^policy\.deny\[0\] EXPECTATION_CONTRADICTED .*"p, viewer, globex, invoices, read"/,
    ),
  ]);
});

const DOMAINS_MODEL = (request: string, rule: string, links: string) =>
  newModelFromString(
    modelText({
      r: request,
      p: rule,
      g: [`g = ${links}`],
      m: 'g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act',
    }),
  );

test('a model without domains is refused in two sentences, however many tenants there are', async () => {
  const tenants = Array.from({ length: 10_000 }, (_, n) => `tenant${n}`);
  const remedy =
    'Give the model of RBAC with domains, model: domainsModelPath, or one like it; or write the policy as rules.';
  expect(await problemsOf({ domains: { roles: ROLES, tenants } }, defaultModelPath)).toEqual([
    `policy.domains MODEL_WITHOUT_DOMAINS domains compile to rules "p, role, domain, resource, action", of 4 values, but the model defines 3 for "p". ${remedy}`,
    `policy.domains MODEL_WITHOUT_DOMAINS domains compile to rules "g, role, parent, domain", of 3 values, but the model defines 2 for "g". ${remedy}`,
  ]);
});

test.each([
  [
    'sub, dom, obj, act',
    'sub, dom, obj, act, eft',
    '_, _, _',
    /of 4 values, but the model defines 5 for "p"/,
  ],
  [
    'sub, dom, obj, act',
    'sub, obj, act, dom, eft',
    '_, _, _',
    /of 4 values, but the model defines 5 for "p"/,
  ],
  [
    'sub, dom, obj, act',
    'sub, obj, act, dom',
    '_, _, _',
    /rules of domains .* p = sub, obj, act, dom\. Put dom second/,
  ],
  [
    'sub, obj, act, dom',
    'sub, dom, obj, act',
    '_, _, _',
    /requests of domains .* r = sub, obj, act, dom\. Put dom second/,
  ],
])('a model with requests of %s and rules of %s is refused', async (request, rule, links, message) => {
  const policy = { domains: { roles: ROLES, tenants: ['acme'] } };
  const model = DOMAINS_MODEL(request, rule, links);
  const problems = await loadProblems(bootstrapDatabase(pool, { policy, model, seeders: [] }), 'no file');
  expect(problems).toEqual([expect.stringMatching(message)]);
  expect(problems[0]).toContain('policy.domains MODEL_WITHOUT_DOMAINS');
});

test('a rule whose domain has another name than in requests must have it second too', async () => {
  const m = 'g(r.sub, p.sub, r.dom) && r.dom == p.tenant && r.obj == p.obj && r.act == p.act';
  const text = modelText({ r: 'sub, dom, obj, act', p: 'sub, obj, act, tenant', g: ['g = _, _, _'], m });
  const policy = { domains: { roles: ROLES, tenants: ['acme'] } };
  await expect(resolveOptions(pool, { policy, model: newModelFromString(text) })).rejects.toThrow(
    /p = sub, obj, act, tenant\. Put tenant second/,
  );
});

test.each([
  [
    'compares the domain last',
    'g(r.sub, p.sub, r.dom) && r.obj == p.obj && r.act == p.act && r.dom == p.tenant',
  ],
  ['has patterns for domains', 'g(r.sub, p.sub, r.dom) && keyMatch(r.dom, p.tenant) && r.obj == p.obj'],
  ['has links of resources first', 'g2(r.obj, p.obj, r.act) && g(r.sub, p.sub, r.dom) && r.dom == p.tenant'],
])('a model that %s has room for domains', async (_, m) => {
  const g = ['g = _, _, _', 'g2 = _, _, _'];
  const text = modelText({ r: 'sub, dom, obj, act', p: 'sub, tenant, obj, act', g, m });
  const policy = { domains: { roles: ROLES, tenants: ['acme'] } };
  await expect(resolveOptions(pool, { policy, model: newModelFromString(text) })).resolves.toBeDefined();
});

test('domains without inheritance need no role definition with a domain', async () => {
  const m = 'r.sub == p.sub && r.dom == p.dom && r.obj == p.obj && r.act == p.act';
  const text = modelText({ r: 'sub, dom, obj, act', p: 'sub, dom, obj, act', m });
  const roles = { viewer: { permissions: { invoices: ['read'] } } };
  const policy = { domains: { roles, tenants: ['acme'] } };
  await expect(resolveOptions(pool, { policy, model: newModelFromString(text) })).resolves.toBeDefined();
});
