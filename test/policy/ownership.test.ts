import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { definePolicy, InvalidOptionsError, loadPolicyFile, type PolicyDefinition } from '../../src/index.ts';
import { resolveOptions } from '../../src/options/resolve.ts';
import { compileOwnership } from '../../src/policy/ownership.ts';
import { writeTemporary } from './temporary-file.ts';

const pool = { connect: () => Promise.reject(new Error('no database is needed')) };

async function problemsIn(policy: PolicyDefinition | string): Promise<string[]> {
  const error = await resolveOptions(pool, { policy, seeders: [] }).catch((thrown: unknown) => thrown);
  if (!(error instanceof InvalidOptionsError)) return [];
  return error.problems.map(({ at, code, message }) => `${at.replace(/^.*\//, '')} ${code} ${message}`);
}

test('impossible statements of a file about earlier versions are reported with line and column', async () => {
  const path = await writeTemporary(
    'policy.yaml',
    `version: 2
roles:
  viewer: { permissions: { invoices: [read] } }
  clerk: { inherits: [viewer], permissions: { invoices: [write] } }
retired:
  roles:
    clerk: {}
    intern: { reassign: viewr }
    old: {}
  rules:
    - [p, viewer, invoices, read]
    - [p, viewer]
    - [p, "view\\0er", invoices, write]
renamed:
  roles:
    viewer: clerk
    old: accountant
`,
  );
  expect(await problemsIn(path)).toEqual([
    'policy.yaml:12:7 RULE_WRONG_LENGTH rule "p, viewer" has 1 value, but the model defines 3: p = sub, obj, act. Make them agree.',
    String.raw`policy.yaml:13:7 VALUE_UNSTORABLE value "view\u0000er" holds a NUL character, which PostgreSQL can't store. Remove it.`,
    'policy.yaml:7:5 OWNERSHIP_CONTRADICTED role "clerk" is retired, and defined as well. Remove one of the two.',
    'policy.yaml:8:15 OWNERSHIP_CONTRADICTED users of "intern" would get the role "viewr", which is not defined. Did you mean "viewer"?',
    'policy.yaml:16:5 OWNERSHIP_CONTRADICTED role "viewer" is renamed, and still defined under its earlier name. Define it as "clerk" alone.',
    'policy.yaml:17:5 OWNERSHIP_CONTRADICTED the role is renamed to "accountant", which is not defined. Define it.',
    'policy.yaml:17:5 OWNERSHIP_CONTRADICTED role "old" is renamed, and retired as well. Remove one of the two.',
    'policy.yaml:11:7 OWNERSHIP_CONTRADICTED rule "p, viewer, invoices, read" is retired, and defined as well. Remove one of the two.',
  ]);
});

test('names of raw rules count as defined roles', async () => {
  const rules = [
    ['p', 'viewer', 'invoices', 'read'],
    ['g', 'clerk', 'viewer'],
    ['g', 'clerk', 'staff'],
  ];
  expect(await problemsIn({ version: 1, rules, renamed: { roles: { old: 'clerk' } } })).toEqual([]);
  expect(await problemsIn({ version: 1, rules, renamed: { roles: { old: 'staff' } } })).toEqual([]);
  expect(await problemsIn({ version: 1, rules, renamed: { roles: { viewer: 'clerk' } } })).toHaveLength(1);
  expect(await problemsIn({ version: 1, rules, retired: { roles: { viewer: {} } } })).toHaveLength(1);
  expect(await problemsIn({ version: 1, rules, retired: { roles: { invoices: {} } } })).toEqual([]);
});

test('names of roles that PostgreSQL can not store are refused, as they would be read as other names', async () => {
  const viewer = { permissions: { invoices: ['read'] } };
  const told = await problemsIn({
    version: 1,
    roles: { viewer },
    retired: { roles: { '\ud800': { reassign: 'viewer' } } },
    renamed: { roles: { 'a\0b': 'viewer' } },
  });
  expect(told).toEqual([
    'policy.retired.roles["\\ud800"] VALUE_UNSTORABLE value "\\ud800" holds half of a surrogate pair, which PostgreSQL can\'t store. Remove it.',
    'policy.renamed.roles["a\\u0000b"] VALUE_UNSTORABLE value "a\\u0000b" holds a NUL character, which PostgreSQL can\'t store. Remove it.',
  ]);
});

test('without a version, each part that needs one is reported', async () => {
  const viewer = { permissions: { invoices: ['read'] }, onRevoked: 'keep' } as const;
  const policy = { roles: { viewer }, retired: {}, renamed: { roles: {} }, onRevoked: 'restore' } as const;
  const told = await problemsIn(policy);
  expect(told.map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
    'policy.retired VERSION_MISSING',
    'policy.renamed VERSION_MISSING',
    'policy.onRevoked VERSION_MISSING',
    'policy.roles.viewer.onRevoked VERSION_MISSING',
  ]);
  expect(told[0]).toContain('retired needs a version of the definition. Add version: 1');
  expect(await problemsIn({ ...policy, version: 1 })).toEqual([]);
  const path = await writeTemporary('policy.yaml', 'rules: [[p, a, b, c]]\nonRevoked: keep\n');
  expect(await problemsIn(path)).toEqual([expect.stringMatching(/^policy\.yaml:2:1 VERSION_MISSING /)]);
});

test('a version is a whole number from 1 on', async () => {
  const roles = { viewer: { permissions: { invoices: ['read'] } } };
  for (const version of [0, 1.5, -1, '1', 2 ** 31]) {
    const [problem = ''] = await problemsIn({ version, roles } as PolicyDefinition);
    expect(problem, String(version)).toMatch(/^policy\.version OPTION_INVALID must be /);
  }
});

test('a file and code say the same of earlier versions', async () => {
  const policy = definePolicy({
    version: 4,
    onRevoked: 'keep',
    roles: {
      viewer: { permissions: { invoices: ['read'] } },
      accountant: { inherits: ['viewer'], onRevoked: 'restore' },
    },
    retired: { roles: { intern: { reassign: 'viewer' } }, rules: [['p', 'viewer', 'notes', 'read']] },
    renamed: { roles: { clerk: 'accountant' } },
  });
  const text = `
version: 4
onRevoked: keep
roles:
  viewer: { permissions: { invoices: [read] } }
  accountant: { inherits: [viewer], onRevoked: restore }
retired:
  roles: { intern: { reassign: viewer } }
  rules: [[p, viewer, notes, read]]
renamed:
  roles: { clerk: accountant }
`;
  expect(await loadPolicyFile(await writeTemporary('policy.yaml', text))).toEqual(policy);
  expect(await problemsIn(policy)).toEqual([]);
});

test('what is retired and renamed is the same in any order', () => {
  const written = (reverse: boolean) => {
    const inOrder = <T>(list: T[]) => (reverse ? list.reverse() : list);
    const named = (...names: string[]) => inOrder(names.map((name) => [name, 'viewer'] as const));
    const definition = {
      version: 2,
      retired: {
        roles: Object.fromEntries(named('intern', 'guest').map(([name]) => [name, {}])),
        rules: inOrder([
          ['p', 'viewer', 'notes', 'write'],
          ['p', 'viewer', 'notes', 'read'],
        ]),
      },
      renamed: { roles: Object.fromEntries(named('reader', 'auditor')) },
    };
    return compileOwnership(definition, rolesAt(0));
  };
  expect(written(true)?.changes).toBe(written(false)?.changes);
});

const rolesAt = (subject: number) => new Map(Object.entries({ p: [subject], g: [0, 1] }));

test('what a role says of its rules counts for p and g, where the model has the role', () => {
  const definition = { version: 1, roles: { clerk: { onRevoked: 'keep' } } } as const;
  const own = compileOwnership(definition, rolesAt(0));
  const keeps = (...[ptype = '', ...values]: string[]) => own?.keeps({ ptype, values });
  expect(own?.keepsSome).toBe(true);
  expect([keeps('p', 'clerk', 'notes', 'read'), keeps('g', 'clerk', 'viewer')]).toEqual([true, true]);
  expect([keeps('g', 'viewer', 'clerk'), keeps('g2', 'clerk', 'notes')]).toEqual([false, false]);
  const second = compileOwnership(definition, rolesAt(1));
  const keepsSecond = (...[ptype = '', ...values]: string[]) => second?.keeps({ ptype, values });
  expect([keepsSecond('p', 'notes', 'clerk'), keepsSecond('g', 'clerk', 'viewer')]).toEqual([true, true]);
  expect([keepsSecond('p', 'clerk', 'viewer'), keepsSecond('g', 'viewer', 'clerk')]).toEqual([false, false]);
  const domains = { roles: { clerk: { onRevoked: 'keep' } }, tenants: ['acme'] } as const;
  expect(compileOwnership({ version: 1, domains }, rolesAt(0))?.keepsSome).toBe(true);
});

test('the compiler knows the roles that users may get and roles may become', () => {
  const roles = { viewer: { permissions: { invoices: ['read'] } } } as const;
  // @ts-expect-error: did you mean "viewer"?
  definePolicy({ version: 2, roles, retired: { roles: { intern: { reassign: 'viewr' } } } });
  // @ts-expect-error: did you mean "viewer"?
  definePolicy({ version: 2, roles, renamed: { roles: { clerk: 'viewr' } } });
  // @ts-expect-error: "restore" or "keep"
  definePolicy({ version: 2, roles, onRevoked: 'forget' });
  definePolicy({ version: 2, roles, renamed: { roles: { clerk: 'viewer' } } });
});

test('the definition in the documents can be used', async () => {
  const page = await readFile('docs/versions.md', 'utf8');
  const [, text = ''] = /```yaml\n(.*?)```/s.exec(page) ?? [];
  expect(text).toContain('version: 4');
  expect(await problemsIn(await writeTemporary('policy.yaml', text))).toEqual([]);
});
