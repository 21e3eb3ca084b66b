import { EnforceContext, type Enforcer, getLogger, newEnforcer, newModelFromString, setLogger } from 'casbin';
import { describe, expect, onTestFinished, test } from 'vitest';
import { bootstrapDatabase, createLiveEnforcer, type LiveEnforcerOptions } from '../../src/index.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { createDatabase } from '../support/database.ts';

const DOM = 'sub, dom, obj, act';
const MODELS = [
  {
    name: 'roles',
    text: modelText(),
    rules: [
      ['p', 'reader', 'data', 'read'],
      ['p', 'writer', 'data', 'write'],
      ['p', 'alice', 'notes', 'read'],
      ['g', 'writer', 'reader'],
      ['g', 'alice', 'writer'],
      ['g', 'bob', 'reader'],
    ],
    domain: [],
  },
  {
    name: 'domains',
    text: modelText({
      r: DOM,
      p: DOM,
      g: ['g = _, _, _'],
      m: 'g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act',
    }),
    rules: [
      ['p', 'reader', 'acme', 'data', 'read'],
      ['p', 'writer', 'acme', 'data', 'write'],
      ['p', 'alice', 'acme', 'notes', 'read'],
      ['p', 'reader', 'umbrella', 'data', 'read'],
      ['g', 'writer', 'reader', 'acme'],
      ['g', 'alice', 'writer', 'acme'],
      ['g', 'bob', 'reader', 'umbrella'],
    ],
    domain: ['acme'],
  },
] as const;

/** A rule that was updated stands last where a journal tells of it, which decides nothing. */
function unordered(list: readonly unknown[]): unknown[] {
  return list.toSorted((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));
}

/** In a model that is followed by the journal, and in one that is loaded anew; both decide the same. */
const OPTIONS = [
  { name: 'a journal', given: { journal: true } },
  { name: 'no journal', given: {} },
];

describe.each(MODELS)('in a model of $name', ({ text, rules, domain }) => {
  describe.each(OPTIONS)('with $name', ({ given }) => {
    async function open() {
      const pool = (await createDatabase()).pool();
      const model = newModelFromString(text);
      const policy = { rules: rules.map((rule) => [...rule]) };
      await bootstrapDatabase(pool, { ...given, model, policy, seeders: [] });
      const live = await createLiveEnforcer(pool, { model });
      onTestFinished(() => live.close());
      const plain = await newEnforcer(newModelFromString(text));
      for (const [ptype, ...values] of rules) {
        if (ptype === 'p') await plain.addPolicy(...values);
        else await plain.addGroupingPolicy(...values);
      }
      return { live, plain };
    }

    const inDomain = ([subject, ...rest]: string[]) => [subject ?? '', ...domain, ...rest];
    const requests = ['alice', 'bob', 'reader', 'writer', 'carol', 'nobody', ''].flatMap((subject) =>
      [
        ['data', 'read'],
        ['data', 'write'],
        ['notes', 'read'],
        ['reports', 'read'],
        ['', ''],
      ].map((permission) => inDomain([subject, ...permission])),
    );

    async function stateOf(enforcer: Enforcer): Promise<unknown> {
      const decided: unknown[] = [];
      for (const request of requests) {
        decided.push([
          await enforcer.enforce(...request),
          enforcer.enforceSync(...request),
          await enforcer.enforceEx(...request),
          enforcer.enforceExSync(...request),
          await enforcer.enforceWithMatcher('r.sub == p.sub', ...request),
        ]);
      }
      return {
        decided,
        batch: await enforcer.batchEnforce(requests),
        policy: unordered(await enforcer.getPolicy()),
        links: unordered(await enforcer.getGroupingPolicy()),
        subjects: unordered(await enforcer.getAllSubjects()),
        objects: unordered(await enforcer.getAllObjects()),
        actions: unordered(await enforcer.getAllActions()),
        roles: unordered(await enforcer.getAllRoles()),
        filtered: unordered(await enforcer.getFilteredPolicy(0, 'reader')),
        has: await enforcer.hasPolicy(...inDomain(['reader', 'data', 'read'])),
        of: await Promise.all(
          ['alice', 'bob', 'writer', 'nobody'].map(async (name) => [
            unordered(await enforcer.getRolesForUser(name, ...domain)),
            unordered(await enforcer.getUsersForRole(name, ...domain)),
            unordered(await enforcer.getPermissionsForUser(name)),
            unordered(await enforcer.getImplicitRolesForUser(name, ...domain)),
            unordered(await enforcer.getImplicitPermissionsForUser(name, ...domain)),
            unordered(await enforcer.getImplicitUsersForRole(name, ...domain)),
            await enforcer.hasRoleForUser(name, 'writer', ...domain),
            await enforcer.hasPermissionForUser(name, ...inDomain([name, 'data', 'read']).slice(1)),
          ]),
        ),
        users: unordered(
          await enforcer.getImplicitUsersForPermission(...inDomain(['', 'data', 'read']).slice(1)),
        ),
      };
    }

    type Step = (enforcer: Enforcer) => Promise<unknown>;
    const p = (...values: string[]) => inDomain(values);
    const g = (user: string, role: string) => [user, role, ...domain];
    const steps: readonly [string, Step][] = [
      ['addPolicy', (e) => e.addPolicy(...p('reader', 'reports', 'read'))],
      ['addPolicy again', (e) => e.addPolicy(...p('reader', 'reports', 'read'))],
      ['addPolicies', (e) => e.addPolicies([p('carol', 'data', 'read'), p('carol', 'data', 'write')])],
      ['addPolicies, one known', (e) => e.addPolicies([p('carol', 'data', 'read'), p('x', 'y', 'z')])],
      ['addPoliciesEx, one known', (e) => e.addPoliciesEx([p('carol', 'data', 'read'), p('x', 'y', 'z')])],
      ['addPoliciesEx, all known', (e) => e.addPoliciesEx([p('x', 'y', 'z')])],
      ['addNamedPolicy', (e) => e.addNamedPolicy('p', ...p('dave', 'data', 'read'))],
      ['addPermissionForUser', (e) => e.addPermissionForUser('dave', ...p('', 'notes', 'read').slice(1))],
      ['addRoleForUser', (e) => e.addRoleForUser('carol', 'writer', ...domain)],
      ['addRoleForUser again', (e) => e.addRoleForUser('carol', 'writer', ...domain)],
      ['addGroupingPolicies', (e) => e.addGroupingPolicies([g('eve', 'reader'), g('eve', 'writer')])],
      ['updatePolicy', (e) => e.updatePolicy(p('dave', 'data', 'read'), p('dave', 'data', 'write'))],
      ['updatePolicy of none', (e) => e.updatePolicy(p('dave', 'data', 'read'), p('dave', 'x', 'write'))],
      ['updateGroupingPolicy', (e) => e.updateGroupingPolicy(g('eve', 'reader'), g('frank', 'reader'))],
      ['removePolicy', (e) => e.removePolicy(...p('carol', 'data', 'write'))],
      ['removePolicy of none', (e) => e.removePolicy(...p('carol', 'data', 'write'))],
      ['removePolicies, one unknown', (e) => e.removePolicies([p('x', 'y', 'z'), p('n', 'n', 'n')])],
      ['removePolicies', (e) => e.removePolicies([p('x', 'y', 'z')])],
      ['removeFilteredPolicy', (e) => e.removeFilteredPolicy(0, 'dave')],
      ['removeFilteredPolicy of none', (e) => e.removeFilteredPolicy(0, 'dave')],
      [
        'deletePermissionForUser',
        (e) => e.deletePermissionForUser('carol', ...p('', 'data', 'read').slice(1)),
      ],
      ['deleteRoleForUser', (e) => e.deleteRoleForUser('carol', 'writer', ...domain)],
      ['deleteRoleForUser of none', (e) => e.deleteRoleForUser('carol', 'writer', ...domain)],
      ['deleteRolesForUser', (e) => e.deleteRolesForUser('eve', ...domain)],
      ['deleteUser', (e) => e.deleteUser('alice')],
      ['deleteUser of none', (e) => e.deleteUser('alice')],
      ['deletePermission', (e) => e.deletePermission(...p('', 'data', 'write').slice(1))],
      ['deleteRole', (e) => e.deleteRole('reader')],
      ['removeFilteredGroupingPolicy', (e) => e.removeFilteredGroupingPolicy(1, 'reader')],
      ['clear', (e) => e.removePolicies([])],
    ];

    test('decides, returns and changes the same as a plain enforcer, call by call', async () => {
      const { live, plain } = await open();
      expect(await stateOf(live)).toEqual(await stateOf(plain));
      for (const [name, step] of steps) {
        expect([name, await step(live)]).toEqual([name, await step(plain)]);
        expect({ name, state: await stateOf(live) }).toEqual({ name, state: await stateOf(plain) });
      }
    }, 120_000);

    test('accepts the settings of a plain enforcer', async () => {
      const { live, plain } = await open();
      const request = p('alice', 'data', 'write');
      for (const enforcer of [live, plain]) enforcer.enableEnforce(false);
      expect(live.enforceSync(...p('nobody', 'data', 'read'))).toBe(true);
      expect(await live.enforceWithMatcher('false', ...request)).toBe(true);
      for (const enforcer of [live, plain]) enforcer.enableEnforce(true);
      expect(live.enforceSync(...p('nobody', 'data', 'read'))).toBe(false);

      const context = () => new EnforceContext('r', 'p', 'e', 'm');
      expect(live.enforceExSync(context(), ...request)).toEqual(plain.enforceExSync(context(), ...request));
      expect(await live.enforce(context(), ...request)).toBe(true);

      for (const enforcer of [live, plain]) enforcer.enableAcceptJsonRequest(true);
      const json = request.map((value) => JSON.stringify(value));
      expect(plain.enforceSync(...json)).toBe(true);
      expect(live.enforceSync(...json)).toBe(true);
      expect(await live.enforce(...json)).toBe(true);
      expect(await live.enforceWithMatcher('r.act == p.act', ...json)).toBe(true);
      for (const enforcer of [live, plain]) enforcer.enableAcceptJsonRequest(false);

      expect(() => live.enforceSync('alice')).toThrow('invalid request size');
      const attributes = [{ toString: () => 'alice' }, ...request.slice(1)];
      expect(live.enforceSync(...attributes)).toBe(plain.enforceSync(...attributes));
    });

    test('has its decisions logged, where Casbin logs', async () => {
      const { live } = await open();
      const before = getLogger();
      onTestFinished(() => setLogger(before));
      const lines: string[] = [];
      setLogger({
        enableLog: () => {},
        isEnable: () => true,
        print: (...given: unknown[]) => lines.push(given.join('')),
        printf: () => {},
      });
      live.enforceSync(...p('alice', 'data', 'write'));
      expect(lines).toEqual([expect.stringContaining('---> true')]);
    });
  });
});

test('finds the first of many rules that differ in their subjects', async () => {
  const pool = (await createDatabase()).pool();
  const roles = Array.from({ length: 40 }, (_, n) => `role ${n}`);
  const rules = roles.map((role) => ['p', role, 'data', 'read']);
  const policy = {
    rules: [...rules, ['g', 'alice', 'role 31'], ['g', 'alice', 'role 7'], ['g', 'bob', 'x']],
  };
  await bootstrapDatabase(pool, { policy, seeders: [], journal: true });
  await using live = await createLiveEnforcer(pool);
  const alice = () => live.enforceExSync('alice', 'data', 'read');
  expect(alice()).toEqual([true, ['role 7', 'data', 'read']]);
  expect(live.enforceExSync('bob', 'data', 'read')).toEqual([false, []]);
  await live.removePolicy('role 7', 'data', 'read');
  expect(alice()).toEqual([true, ['role 31', 'data', 'read']]);
  await live.addPolicy('role 7', 'data', 'read');
  expect(alice()).toEqual([true, ['role 31', 'data', 'read']]);
  await live.removeFilteredPolicy(1, 'data');
  expect(alice()).toEqual([false, []]);
  expect(await live.getPolicy()).toEqual([]);
});

test('refuses calls that would change how it decides, and says what to do instead', async () => {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, { seeders: [] });
  await using live = await createLiveEnforcer(pool, {} satisfies LiveEnforcerOptions);
  const any = live as unknown as Record<string, (...given: unknown[]) => unknown>;
  for (const name of [
    'loadModel',
    'setEffector',
    'setRoleManager',
    'setNamedRoleManager',
    'addNamedMatchingFunc',
    'addNamedDomainMatchingFunc',
    'addFunction',
  ]) {
    await expect((async () => any[name]?.('g', () => true))()).rejects.toThrow(
      name === 'loadModel' ? 'make another one' : 'configureEnforcer',
    );
  }
  await live.buildIncrementalRoleLinks(0 as never, 'g', [['readonly', 'admin']]);
  expect(live.enforceSync('readonly', 'accounts', 'write')).toBe(false);
});
