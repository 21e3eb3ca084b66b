import { Enforcer, newModelFromString } from 'casbin';
import { expect, onTestFinished, test, vi } from 'vitest';
import {
  type BootstrapOptions,
  domainsModelPath,
  InvalidOptionsError,
  type PolicyDefinition,
  type ProblemCode,
} from '../../src/index.ts';
import { resolveOptions } from '../../src/options/resolve.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { writeTemporary } from '../policy/temporary-file.ts';

const pool = { connect: () => Promise.reject(new Error('Not needed.')) };
const expectationsOf = async (options: BootstrapOptions) =>
  (await (await resolveOptions(pool, options)).promises.decide()).expectations;

function definition(never: string[][] = []) {
  return { rules: [['p', 'clerk', 'invoices', 'read']], never };
}

test('a definition that is given again is not checked again', async () => {
  const first = await expectationsOf({ policy: definition() });
  expect(await expectationsOf({ policy: definition() })).toBe(first);
  expect(await expectationsOf({ policy: definition([['x', 'y', 'z']]) })).not.toBe(first);
});

test.each<[string, PolicyDefinition]>([
  ['samples', { samples: [['clerk', 'payroll', 'read']] }],
  ['allow', { allow: [['clerk', 'invoices', 'read']] }],
  ['deny', { deny: [['clerk', 'payroll', 'read']] }],
  ['rules of another ptype', { rules: [['p2', 'clerk', 'invoices', 'read']] }],
])('one with %s is another one', async (_, more) => {
  const model = newModelFromString(modelText({ p: 'sub, obj, act\np2 = sub, obj, act' }));
  const first = await expectationsOf({ model, policy: definition() });
  expect(await expectationsOf({ model, policy: definition() })).toBe(first);
  expect(await expectationsOf({ model, policy: { ...definition(), ...more } })).not.toBe(first);
});

test('how a definition decides is found out when it is first asked for, and once', async () => {
  const decided = vi.spyOn(Enforcer.prototype, 'enforceExSync');
  onTestFinished(() => void vi.restoreAllMocks());
  const policy = { rules: [['p', 'auditor', 'ledger', 'read']], never: [['auditor', 'ledger', 'write']] };
  const { promises } = await resolveOptions(pool, { policy });
  expect(decided.mock.calls, 'what is listed may be wrong').toEqual([['auditor', 'ledger', 'write']]);

  const [first, second] = await Promise.all([promises.decide(), promises.decide()]);

  expect(second.expectations).toBe(first.expectations);
  expect(decided.mock.calls.filter((given) => given[0] === 'auditor')).toHaveLength(2);
});

test('with configureEnforcer it is found out at once', async () => {
  const decided = vi.spyOn(Enforcer.prototype, 'enforceEx');
  onTestFinished(() => void vi.restoreAllMocks());
  await resolveOptions(pool, { policy: definition(), configureEnforcer() {} });
  expect(decided.mock.calls).toContainEqual(['clerk', 'invoices', 'read']);
});

test('a definition that was changed in between is checked again', async () => {
  const policy = definition();
  await resolveOptions(pool, { policy });
  policy.never.push(['clerk', 'invoices', 'read']);
  await expect(resolveOptions(pool, { policy })).rejects.toThrow(InvalidOptionsError);
  await expect(resolveOptions(pool, { policy })).rejects.toThrow(/listed under never/);
  policy.never.pop();
  await expect(resolveOptions(pool, { policy })).resolves.toBeDefined();
});

test('a definition with a wrong rule is refused each time, although its requests can be decided', async () => {
  const policy = { rules: [['p', 'clerk', 'invoices\0', 'read']] };
  for (const _ of ['first', 'second']) {
    await expect(resolveOptions(pool, { policy })).rejects.toMatchObject({
      problems: [{ code: 'VALUE_UNSTORABLE' }],
    });
  }
});

test('the same definition is checked again in another model, or without verification', async () => {
  const policy = definition();
  const first = await expectationsOf({ policy });
  const anyAction = newModelFromString(modelText({ m: 'g(r.sub, p.sub) && r.obj == p.obj' }));
  expect(await expectationsOf({ policy, model: anyAction })).not.toBe(first);
  expect((await expectationsOf({ policy, verify: false })).size).toBe(0);
  expect((await expectationsOf({ policy })).size).toBe(2);
});

test('definitions that JSON does not show are distinguished', async () => {
  class Role {
    readonly #permissions: Record<string, string[]>;
    constructor(permissions: Record<string, string[]>) {
      this.#permissions = permissions;
    }
    get permissions() {
      return this.#permissions;
    }
  }
  const one = await expectationsOf({ policy: { roles: { clerk: new Role({ invoices: ['read'] }) } } });
  const other = await expectationsOf({ policy: { roles: { clerk: new Role({ payroll: ['write'] }) } } });
  expect([...one][0]?.request).toEqual(['clerk', 'invoices', 'read']);
  expect([...other][0]?.request).toEqual(['clerk', 'payroll', 'write']);
});

test("later changes of the caller's lists do not change what is remembered", async () => {
  const policy = definition([['x', 'y', 'z']]);
  const { coverage } = await (await resolveOptions(pool, { policy })).promises.decide();
  policy.never[0]?.fill('changed');
  Object.assign(coverage, { covered: -1 });
  for (const _ of ['first', 'second']) {
    const resolved = await resolveOptions(pool, { policy: definition([['x', 'y', 'z']]) });
    const again = await resolved.promises.decide();
    expect([...again.expectations].at(-1)?.request).toEqual(['x', 'y', 'z']);
    expect(again.coverage.covered).toBe(1);
    Object.assign(again.coverage, { covered: -1 });
  }
});

test('what the caller changes in a warning does not change what is remembered', async () => {
  const options = { policy: { rules: [['p', 'clerk', '*', 'read']] } };
  for (const _ of ['first', 'second']) {
    const { warnings } = await (await resolveOptions(pool, options)).promises.decide();
    expect(warnings).toMatchObject([{ code: 'LITERAL_WILDCARD', count: 1 }]);
    Object.assign(warnings[0] ?? {}, { count: -1 });
  }
});

test('with configureEnforcer, whatever that does, it is checked each time', async () => {
  let calls = 0;
  const options = { policy: definition(), configureEnforcer: () => void calls++ };
  await resolveOptions(pool, options);
  const once = calls;
  await resolveOptions(pool, options);
  expect(calls).toBe(2 * once);
});

test.each<[string, (size: number) => string[][]]>([
  ['rules', (size) => Array.from({ length: size / 100 + 1 }, (_, n) => ['p', 'r', `d${n}`, 'read'])],
  ['texts', (size) => [['p', 'clerk', 'x'.repeat(size), 'read']]],
])('a definition of many %s is checked each time, rather than kept', async (_, rules) => {
  const first = await expectationsOf({ policy: { rules: rules(10_000) } });
  expect(await expectationsOf({ policy: { rules: rules(10_000) } }), 'a smaller one is kept').toBe(first);
  const large = await expectationsOf({ policy: { rules: rules(100_000) } });
  expect(await expectationsOf({ policy: { rules: rules(100_000) } })).not.toBe(large);
});

test('a definition with many expectations is checked each time, rather than kept', async () => {
  const never = (size: number) => Array.from({ length: size }, (_, n) => ['clerk', `payroll${n}`, 'read']);
  const first = await expectationsOf({ policy: definition(never(100)) });
  expect(await expectationsOf({ policy: definition(never(100)) }), 'a smaller one is kept').toBe(first);
  const large = await expectationsOf({ policy: definition(never(1_000)) });
  expect(await expectationsOf({ policy: definition(never(1_000)) })).not.toBe(large);
});

// A role without permissions compiles to no rule.
const admin = { inherits: ['guest'], permissions: { invoices: ['read'] } };
const ofTenants = (...tenants: string[]): BootstrapOptions => ({
  model: domainsModelPath,
  policy: { domains: { roles: { guest: {} }, tenants }, rules: [['p', 'clerk', 'a', 'invoices', 'read']] },
});

test.each<[string, BootstrapOptions, BootstrapOptions, string]>([
  [
    'refers to an undefined role',
    { policy: { roles: { guest: {}, admin } } },
    { policy: { roles: { admin } } },
    'ROLE_UNDEFINED',
  ],
  ['lists a tenant twice', ofTenants('a'), ofTenants('a', 'a'), 'TENANT_DUPLICATE'],
])('a definition that %s is refused after a sound one with the same rules', async (_, sound, wrong, code) => {
  await resolveOptions(pool, sound);

  await expect(resolveOptions(pool, wrong)).rejects.toMatchObject({ problems: [{ code }] });
});

const misplaced = modelText({
  r: 'sub, obj, dom, act',
  p: 'sub, obj, dom, act',
  g: ['g = _, _, _'],
  m: 'g(r.sub, p.sub, r.dom) && r.obj == p.obj && r.dom == p.dom && r.act == p.act',
});
const byPath = modelText({ m: 'r.sub == p.sub && keyMatch2(r.obj, p.obj) && r.act == p.act' });
const byExpression = modelText({ m: 'r.sub == p.sub && regexMatch(r.obj, p.obj) && r.act == p.act' });
const read = { permissions: { invoices: ['read'] } };
const circle = [
  ['g', 'clerk', 'lead'],
  ['g', 'lead', 'clerk'],
];

test.each<[ProblemCode, string, PolicyDefinition]>([
  ['RULE_UNKNOWN_PTYPE', modelText(), { rules: [['p9', 'clerk', 'invoices', 'read']] }],
  ['RULE_WRONG_LENGTH', modelText(), { rules: [['p', 'clerk', 'invoices']] }],
  ['ROLE_CYCLE', modelText(), { rules: circle }],
  ['PATTERN_ENDLESS', byPath, { rules: [['p', 'clerk', '/invoices/:', 'read']] }],
  ['PATTERN_BACKTRACKS', byExpression, { rules: [['p', 'clerk', '(a+)+b', 'read']] }],
  [
    'MODEL_WITHOUT_DOMAINS',
    misplaced,
    { domains: { roles: { clerk: read, lead: { inherits: ['clerk'] } }, tenants: ['acme'] } },
  ],
])(
  'beside %s nothing that is listed is decided, as it would be wrong or never end',
  async (code, text, policy) => {
    const decided = vi.spyOn(Enforcer.prototype, 'enforceExSync').mockReturnValue([false, []]);
    onTestFinished(() => void vi.restoreAllMocks());
    const allow = [policy.domains ? ['lead', 'acme', 'invoices', 'read'] : ['clerk', 'invoices', 'read']];
    const options = { model: newModelFromString(text), policy: { ...policy, allow } };
    const error = await resolveOptions(pool, options).catch((thrown: unknown) => thrown);
    if (!(error instanceof InvalidOptionsError)) throw error;
    expect(new Set(error.problems.map((problem) => problem.code))).toEqual(new Set([code]));
    expect(decided).not.toHaveBeenCalled();
  },
);

test('no role manager of the application is asked about a circle, in which it may go round for ever', async () => {
  const configureEnforcer = vi.fn();
  const deep = Array.from({ length: 12 }, (_, n) => ['g', `r${n}`, `r${n + 1}`]);
  const policy = { rules: [...circle, ...deep] };
  await expect(resolveOptions(pool, { policy, configureEnforcer })).rejects.toMatchObject({
    problems: [{ code: 'ROLE_CYCLE' }],
  });
  expect(configureEnforcer, 'for the functions of the model only').toHaveBeenCalledOnce();
});

test('beside a key that a file has twice, nothing that is listed is decided', async () => {
  const role = (name: string, actions: string) => `  ${name}: { permissions: { invoices: [${actions}] } }`;
  const roles = [role('lead', 'read, write'), role('clerk', 'read'), role('clerk', 'write')];
  const allow = 'allow: [[clerk, invoices, read], [clerk, invoices, write]]';
  const policy = await writeTemporary('policy.yaml', ['roles:', ...roles, allow].join('\n'));
  await expect(resolveOptions(pool, { policy })).rejects.toMatchObject({
    problems: [{ code: 'POLICY_SYNTAX' }],
  });
});

test('a configureEnforcer that throws when it is called again hides no other problem', async () => {
  let calls = 0;
  const configureEnforcer = () => {
    if (calls++ > 0) throw new Error('not connected any more');
  };
  const policy = { roles: { clerk: { inherits: ['guest'], permissions: { invoices: ['read'] } } } };
  await expect(resolveOptions(pool, { policy, configureEnforcer })).rejects.toMatchObject({
    problems: [{ code: 'ROLE_UNDEFINED' }],
  });
});
