import { expect, test } from 'vitest';
import { loadPolicyFile } from '../../src/index.ts';
import { compilePolicy } from '../../src/policy/compile.ts';
import { formatRule } from '../../src/policy/rule.ts';
import { loadProblems, writeTemporary } from './temporary-file.ts';

async function problemsIn(name: string, text: string): Promise<string[]> {
  const path = await writeTemporary(name, text);
  return loadProblems(loadPolicyFile(path), path);
}

test('every wrong shape in YAML is reported at once, each with line and column', async () => {
  const text = `
roles:
  viewer:
    permissions:
      invoices: [read, 1]
      reports: read
  clerk:
    inherit: [viewer]
    inherits:
  guest: null
rules:
  - [p]
allow:
  - viewer
extra: 1
`;
  expect(await problemsIn('policy.yaml', text)).toEqual([
    '5:24 OPTION_INVALID roles.viewer.permissions.invoices[1]: must be a string: quote it (it is 1).',
    '6:7 OPTION_INVALID roles.viewer.permissions.reports: must be a list of strings (it is "read").',
    '9:5 OPTION_INVALID roles.clerk.inherits: must be a list of strings (it is null).',
    '8:5 OPTION_UNKNOWN roles.clerk.inherit: there is no such option. Did you mean inherits?',
    expect.stringMatching(/^10:3 OPTION_INVALID roles\.guest: must be an object/),
    '12:5 OPTION_INVALID rules[0]: must be two strings or more: a ptype and its values (it has 1).',
    '14:5 OPTION_INVALID allow[0]: must be a list of strings (it is "viewer").',
    expect.stringMatching(
      /^15:1 OPTION_UNKNOWN extra: .* Known are roles, domains, rules, allow, deny, never, samples/,
    ),
  ]);
});

test('an unknown key does not hide other problems', async () => {
  const text = 'roles:\n  clerk:\n    inherit: [viewer]\n    inherits: [viewr]\n';
  expect(await problemsIn('policy.yaml', text)).toEqual([
    '3:5 OPTION_UNKNOWN roles.clerk.inherit: there is no such option. Did you mean inherits?',
    expect.stringMatching(/^4:16 ROLE_UNDEFINED role "clerk" inherits from "viewr", which is not defined/),
  ]);
});

test('keys that every JavaScript object inherits are unknown too', async () => {
  const text = 'roles:\n  constructor: { toString: [a] }\n__proto__: 1\nconstructor: 1\n';
  expect(await problemsIn('policy.yaml', text)).toEqual([
    expect.stringMatching(/^2:18 OPTION_UNKNOWN roles\.constructor\.toString: /),
    expect.stringMatching(/^3:1 OPTION_UNKNOWN __proto__: /),
    expect.stringMatching(/^4:1 OPTION_UNKNOWN constructor: /),
  ]);
});

test('names that YAML reads as something else must be quoted', async () => {
  const text =
    'roles:\n  1: {}\n  true: {}\n  no: {}\n  "2": {}\n  a: { permissions: { x: [null, 1.5, true, "1"] } }\n';
  expect(await problemsIn('policy.yaml', text)).toEqual([
    '2:3 POLICY_SYNTAX the key 1 must be a string: quote it.',
    '3:3 POLICY_SYNTAX the key true must be a string: quote it.',
    '6:27 OPTION_INVALID roles.a.permissions.x[0]: must be a string (it is null).',
    '6:33 OPTION_INVALID roles.a.permissions.x[1]: must be a string: quote it (it is 1.5).',
    '6:38 OPTION_INVALID roles.a.permissions.x[2]: must be a string: quote it (it is true).',
  ]);
});

test('every error of YAML syntax is reported', async () => {
  expect(await problemsIn('policy.yaml', 'roles:\n  a: [1\n  b: "x\n')).toEqual([
    expect.stringMatching(/^3:3 POLICY_SYNTAX /),
    expect.stringMatching(/^4:1 POLICY_SYNTAX /),
  ]);
  expect(await problemsIn('policy.yaml', 'roles: {}\nrules: []\nroles: {}\nroles: {}\n')).toEqual([
    '3:1 POLICY_SYNTAX duplicate key. Remove one of them.',
    '4:1 POLICY_SYNTAX duplicate key. Remove one of them.',
  ]);
  expect(await problemsIn('policy.yaml', 'roles: *a\nrules: *b\n')).toEqual([
    '1:8 POLICY_SYNTAX there is no anchor "&a" before this alias.',
    '2:8 POLICY_SYNTAX there is no anchor "&b" before this alias.',
  ]);
  expect(await problemsIn('policy.yaml', 'roles: {}\n---\nroles: {}\n')).toEqual([
    '2:1 POLICY_SYNTAX a second document begins here. Keep one in the file.',
  ]);
});

test.each([
  ['policy.yaml', ''],
  ['policy.yaml', '# roles:\n#   viewer: {}\n---\n'],
  ['policy.json', ' \n'],
])('a file that holds nothing is called empty, not malformed: %s with %j', async (name, text) => {
  expect(await problemsIn(name, text)).toEqual([
    '1:1 POLICY_EMPTY the policy has no rules. Define some, or give policy: null for a database whose policy is not defined here.',
  ]);
});

test('aliases that would grow without end are refused', async () => {
  const aliases = Array.from({ length: 12 }, (_, level) => {
    const items =
      level === 0
        ? 'x'
        : Array(10)
            .fill(`*a${level - 1}`)
            .join(', ');
    return `a${level}: &a${level} [${items}]\n`;
  });
  expect(await problemsIn('policy.yaml', aliases.join(''))).toEqual([
    '7:25 POLICY_SYNTAX with this alias, the aliases of the file expand to over 1,000,000 values. Use fewer.',
  ]);
});

test('an anchor may be used by as many aliases and merge keys as there are roles', async () => {
  const roles = Array.from({ length: 3_000 }, (_, n) => [
    `  a${n}: { permissions: { data${n}: *actions } }`,
    `  b${n}: { <<: *viewer }`,
  ]);
  const text = `
roles:
  viewer: &viewer { permissions: { data: &actions [read, write] } }
${roles.flat().join('\n')}
`;
  const path = await writeTemporary('policy.yaml', text);
  const rules = compilePolicy(await loadPolicyFile(path));
  expect(rules).toHaveLength(12_002);
  expect(new Set(rules.slice(0, 6).map(({ at }) => at.slice(path.length + 1)))).toEqual(
    new Set(['3:52', '3:58']),
  );
});

test.each([
  ['policy.yaml', 'roles: &a [*a]\n', '1:12 POLICY_SYNTAX this alias is inside its own anchor "&a".'],
  ['policy.yaml', 'roles: &a { <<: *a }\n', '1:17 POLICY_SYNTAX this alias is inside its own anchor "&a".'],
  [
    'policy.yaml',
    'roles:\n  a: &a 1\n  b: { <<: *a }\n',
    '3:12 POLICY_SYNTAX only a map can be merged. Give a map, or an alias of a map.',
  ],
])('an alias of %s without a value is reported with its place: %j', async (name, text, problem) => {
  expect(await problemsIn(name, text)).toContain(problem);
});

test('of maps that are merged the first one counts, and in a map its own keys', async () => {
  const text = `
rules: []
roles:
  one: &one { inherits: [], permissions: { a: [one], b: [one] } }
  two: &two { permissions: { c: [two] } }
  three: { permissions: { c: [three] }, <<: *one }
  four: { <<: [*two, *one] }
`;
  const { roles } = await loadPolicyFile(await writeTemporary('policy.yaml', text));
  expect(roles?.three).toEqual({ permissions: { c: ['three'] }, inherits: [] });
  expect(roles?.four).toEqual({ permissions: { c: ['two'] }, inherits: [] });
});

test.each([
  ['policy.json', `${'['.repeat(20_000)}${']'.repeat(20_000)}`, '1:101'],
  ['policy.json', '{"a":'.repeat(20_000), '1:501'],
  ['policy.yaml', `${'['.repeat(20_000)}${']'.repeat(20_000)}`, '1:102'],
  ['policy.yaml', `${'- '.repeat(20_000)}x`, '1:203'],
])('a %s that is nested too deep is reported with the place: %#', async (name, text, place) => {
  expect(await problemsIn(name, text)).toEqual([
    `${place} POLICY_SYNTAX this is nested over 100 levels deep. Write it with fewer levels.`,
  ]);
});

test('aliases of aliases are reported at the place where they are too deep', async () => {
  const levels = Array.from({ length: 150 }, (_, n) => `r${n + 1}: &r${n + 1} [*r${n}]`);
  expect(await problemsIn('policy.yaml', `r0: &r0 [x]\n${levels.join('\n')}`)).toEqual([
    '101:14 POLICY_SYNTAX the value of this alias is nested over 100 levels deep. Write it with fewer levels.',
  ]);
});

test('what a policy says is checked with the place of each rule', async () => {
  const text = `
roles:
  a: { inherits: [b, z], permissions: { x: [read, read] } }
  b: { inherits: [a] }
  c: { inherits: [c] }
rules:
  - [p, a, x, read]
`;
  expect(await problemsIn('policy.yaml', text)).toEqual([
    expect.stringMatching(/^3:22 ROLE_UNDEFINED role "a" inherits from "z"/),
    expect.stringMatching(/^5:19 ROLE_INHERITS_ITSELF /),
    expect.stringMatching(/^3:19 ROLE_CYCLE .*a → b → a/),
    expect.stringMatching(/^3:51 RULE_DUPLICATE .* 3:45\./),
    expect.stringMatching(/^7:5 RULE_DUPLICATE .* 3:45\./),
  ]);
});

test('aliases and merge keys share, and places are where a thing is written', async () => {
  const text = `
roles:
  viewer: &viewer
    permissions: &read
      invoices: &actions [read]
      reports: *actions
  clerk:
    <<: *viewer
    inherits: [viewer]
    permissions:
      <<: *read
      reports: [read, write]
`;
  const path = await writeTemporary('policy.yaml', text);
  const rules = compilePolicy(await loadPolicyFile(path));
  expect(rules.map(({ at, ...rule }) => `${formatRule(rule)} @ ${at.slice(path.length + 1)}`)).toEqual([
    'p, viewer, invoices, read @ 5:27',
    'p, viewer, reports, read @ 5:27',
    'p, clerk, invoices, read @ 5:27',
    'p, clerk, reports, read @ 12:17',
    'p, clerk, reports, write @ 12:23',
    'g, clerk, viewer @ 9:16',
  ]);
});

test('accepts only real JSON, and reports problems with line and column', async () => {
  expect(
    await problemsIn('policy.json', '{\n\t"roles": {\n\t\t"a": { "inherits": ["b", 1] } },\n "x": 1 }'),
  ).toEqual([
    '3:28 OPTION_INVALID roles.a.inherits[1]: must be a string: quote it (it is 1).',
    expect.stringMatching(/^4:2 OPTION_UNKNOWN x: /),
  ]);
  expect(await problemsIn('policy.json', '{\n  "roles": {}, // all of them\n  "rules": [[],],\n}')).toEqual([
    '2:16 POLICY_SYNTAX this is not JSON: invalid comment token. Remove the comment.',
    '3:16 POLICY_SYNTAX this is not JSON: value expected. Remove the comma before it.',
    '4:1 POLICY_SYNTAX this is not JSON: property name expected. Remove the comma before it.',
  ]);
  expect(await problemsIn('policy.json', '{\n  "roles": }')).toEqual([
    '2:12 POLICY_SYNTAX this is not JSON: value expected.',
  ]);
  expect(await problemsIn('policy.json', '{\n  # all of them\n  "roles": {} }')).toEqual([
    '2:3 POLICY_SYNTAX this is not JSON: invalid symbol. Remove the comment.',
  ]);
  expect(await problemsIn('policy.json', '{ "roles": {},\n "roles": {} }')).toEqual([
    '2:2 POLICY_SYNTAX duplicate key: "roles" is already at 1:3.',
  ]);
  expect(await problemsIn('policy.json', '{ "roles": {},\n \'rules\': [] }')).toEqual([
    '2:2 POLICY_SYNTAX this is not JSON: invalid symbol. Write texts in double quotes.',
  ]);
  expect(await problemsIn('policy.json', 'roles: {}')).toEqual([
    expect.stringMatching(/^1:1 POLICY_SYNTAX /),
  ]);
});

test('lines of a CSV that Casbin can not read, or would read in part, are reported with their numbers', async () => {
  const text = 'p, a, f(b\n  p\n# fine\np, "x\np, a, b\rp, c, d\n, a\ng, x, y\ng, y, x\n';
  expect(await problemsIn('policy.csv', text)).toEqual([
    expect.stringMatching(/^1:1 POLICY_SYNTAX Casbin can't read this line: Unmatched brackets/),
    '2:3 POLICY_SYNTAX there is one value only, "p". Write the ptype, such as p or g, and the values, separated by commas.',
    "4:1 POLICY_SYNTAX Casbin can't read this line: Quote Not Closed: the parsing is finished with an opening quote.",
    expect.stringMatching(/^5:1 POLICY_SYNTAX this line has a carriage return/),
    '6:1 POLICY_SYNTAX the ptype is missing. Write the ptype, such as p or g, and the values, separated by commas.',
    expect.stringMatching(/^7:1 ROLE_CYCLE /),
  ]);
  expect(await problemsIn('policy.csv', 'p, a, b\n\n p, a, b\ng, x, y\ng, y, x\n')).toEqual([
    expect.stringMatching(/^4:1 ROLE_CYCLE /),
    expect.stringMatching(/^3:2 RULE_DUPLICATE .* 1:1\./),
  ]);
});

test('a role in the place of an option is told where roles are defined', async () => {
  expect(await problemsIn('policy.yaml', 'rules: []\nclerk:\n  inherits: [viewer]\nother: {}\n')).toEqual([
    '2:1 OPTION_UNKNOWN clerk: there is no such option. A role is defined under roles.',
    expect.stringMatching(/^4:1 OPTION_UNKNOWN other: there is no such option. Known are roles, /),
  ]);
});

test('each part of a wrong shape is reported with the right shape', async () => {
  const text = `
roles:
  a: { permissions: [x], inherits: 1 }
  b: []
rules: {}
allow: 1
deny: [[]]
never: [[1]]
samples: [a]
$schema: 1
`;
  expect(await problemsIn('policy.yaml', text)).toEqual([
    '3:26 OPTION_INVALID roles.a.inherits: must be a list of strings (it is 1).',
    '3:8 OPTION_INVALID roles.a.permissions: must be an object of resource → actions (it is a list).',
    '4:3 OPTION_INVALID roles.b: must be an object with inherits and permissions (it is a list).',
    '5:1 OPTION_INVALID rules: must be a list of rules (it is an object).',
    '6:1 OPTION_INVALID allow: must be a list of requests (it is 1).',
    '7:8 OPTION_INVALID deny[0]: must be one string or more: the values of a request (it has 0).',
    '8:10 OPTION_INVALID never[0][0]: must be a string: quote it (it is 1).',
    '9:11 OPTION_INVALID samples[0]: must be a list of strings (it is "a").',
    '10:1 OPTION_INVALID $schema: must be a string: quote it (it is 1).',
  ]);
  expect(await problemsIn('policy.json', '{ "roles": [], "rules": [["p", "a"], 1] }')).toEqual([
    '1:3 OPTION_INVALID roles: must be an object of role → definition (it is a list).',
    '1:38 OPTION_INVALID rules[1]: must be a list of strings (it is 1).',
  ]);
  for (const [name, text] of [
    ['policy.json', '[]'],
    ['policy.yaml', '- a'],
  ] as const) {
    const problems = await problemsIn(name, text);
    expect(problems).toEqual([
      expect.stringMatching(
        /OPTION_INVALID must be a policy definition: an object with roles and rules \(it is a list\)\.$/,
      ),
    ]);
  }
});

test('a warning of the YAML parser is reported as a problem, together with the others', async () => {
  expect(await problemsIn('policy.yaml', '%UNKNOWN x\n---\nroles: { a: 1 }\n')).toEqual([
    expect.stringMatching(/^1:1 POLICY_SYNTAX Unknown directive %UNKNOWN\.$/),
    expect.stringMatching(/^3:10 OPTION_INVALID roles\.a: /),
  ]);
});

test('of merged maps the first that has a key gives its place, and the map itself before them', async () => {
  const text = `
roles:
  a: &one { permissions: { data: [read] } }
  b: &two { permissions: { data: [write] }, inherits: [a] }
  c: { <<: [*one, *two] }
  d: { <<: [*two, *one], inherits: [c] }
`;
  const path = await writeTemporary('policy.yaml', text);
  const rules = compilePolicy(await loadPolicyFile(path));
  expect(rules.map(({ at, ...rule }) => `${formatRule(rule)} @ ${at.slice(path.length + 1)}`)).toEqual([
    'p, a, data, read @ 3:35',
    'p, b, data, write @ 4:35',
    'p, c, data, read @ 3:35',
    'p, d, data, write @ 4:35',
    'g, b, a @ 4:56',
    'g, c, a @ 4:56',
    'g, d, c @ 6:37',
  ]);
});

test('a definition remembers the places of lists and their entries, also after it was spread', async () => {
  const path = await writeTemporary('policy.csv', 'p, a, x, read\n  g, b, a\n');
  const { rules = [] } = await loadPolicyFile(path);
  const [first] = compilePolicy({ rules: [...rules] });
  expect(first?.at).toBe(`${path}:1:1`);
  expect(compilePolicy({ rules }).map(({ at }) => at)).toEqual([`${path}:1:1`, `${path}:2:3`]);
});
