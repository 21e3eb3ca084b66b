import { newEnforcer } from 'casbin';
import { beforeAll, describe, expect, test } from 'vitest';
import { bootstrapDatabase, defaultPolicy, definePolicy } from '../../src/index.ts';
import { policyTests } from '../../src/testing/vitest.ts';
import { useDatabase } from '../support/database.ts';
import { DOMAINS, model, RULES } from './enforcers.fixture.ts';
import { runVitest } from './run-vitest.ts';

const policy = definePolicy({
  roles: {
    readonly: { permissions: { accounts: ['read'] } },
    user: { inherits: ['readonly'], permissions: { accounts: ['write'] } },
  },
  allow: [['user', 'accounts', 'read']],
  deny: [['readonly', 'accounts', 'write']],
  never: [['readonly', 'accounts', 'write']],
});

describe('in memory', () => policyTests(policy));

describe('a policy of raw rules, with a model of its own', () => {
  const rules = [
    ['p', 'admin', 'one', 'data', 'write'],
    ['g', 'alice', 'admin', 'one'],
  ];
  policyTests({ rules, allow: [['alice', 'one', 'data', 'write']] }, { model: model(DOMAINS) });
});

describe('custom functions', () => {
  policyTests(
    {
      rules: [['p', 'user', '/a', 'read']],
      samples: [
        ['user', '/a/1', 'read'],
        ['user', '/b/1', 'read'],
      ],
      allow: [['user', '/a/1', 'read']],
    },
    {
      model: model({ m: 'under(r.obj, p.obj) && r.sub == p.sub && r.act == p.act' }),
      configureEnforcer: async (enforcer) => {
        await enforcer.addFunction('under', async (path: string, folder: string) => path.startsWith(folder));
      },
    },
  );
});

describe('an enforcer', async () => {
  const enforcer = await newEnforcer(model());
  await enforcer.addPolicies(
    RULES.filter((rule) => rule.startsWith('p')).map((rule) => rule.split(', ').slice(1)),
  );
  await enforcer.addGroupingPolicy('user', 'readonly');
  policyTests(policy, { target: enforcer });
});

describe('a database', () => {
  const database = useDatabase();
  policyTests(defaultPolicy, {
    schema: 'auth',
    target: async () => {
      const pool = database.pool();
      await bootstrapDatabase(pool, { schema: 'auth' });
      return pool;
    },
  });
});

describe('a project in which they fail', () => {
  let files: Awaited<ReturnType<typeof runVitest>>;
  beforeAll(async () => {
    files = await runVitest('npx vitest run --config test/testing/failing/vitest.config.js');
  }, 180_000);
  const testsOf = (file: string) => files.get(file)?.tests ?? [];
  const failuresOf = (file: string) => testsOf(file).filter(({ status }) => status === 'failed');

  test('has one test for each expectation, with a readable name, grouped by where it comes from', () => {
    expect(testsOf('drifted.fails.js').map(({ name }) => name)).toEqual([
      'policy › derived from the rules › readonly may read accounts',
      'policy › derived from the rules › user may write accounts',
      'policy › derived from the rules › a subject without any role may not read accounts',
      'policy › derived from the rules › a subject without any role may not write accounts',
      'policy › samples › auditor may not read accounts',
      'policy › allow › user may read accounts',
      'policy › deny › readonly may not write accounts',
      'policy › never › readonly may never write accounts',
    ]);
  });

  test('makes those fail that the enforcer decides differently, and explains them', () => {
    const [written, audited, ...others] = failuresOf('drifted.fails.js');

    expect(written?.name).toBe('policy › derived from the rules › user may write accounts');
    expect(written?.message).toContain(
      [
        '"user, accounts, write" is denied',
        '',
        '  request  sub = user, obj = accounts, act = write',
        '  answer   denied: no rule allows it',
        '  roles    user → readonly',
        '  closest  p, readonly, accounts, read — act is read',
        '  unknown  no rule has act = write, only read',
      ].join('\n'),
    );
    expect(audited?.name).toBe('policy › samples › auditor may not read accounts');
    expect(audited?.message).toContain('allowed by the rule "p, readonly, accounts, read"');
    expect(audited?.message).toContain('auditor → readonly');
    expect(others).toEqual([]);
  });

  test('has an expectation fail that the definition itself contradicts', () => {
    expect(failuresOf('contradicting.fails.js').map(({ name }) => name)).toEqual([
      'policy › never › user may never read accounts',
    ]);
  });

  test('without a target, has only tests of listed requests, because no other could fail', () => {
    expect(testsOf('in-memory.fails.js').map(({ name }) => name)).toEqual([
      'policy › allow › user may read accounts',
      'policy › deny › user may not write accounts',
      'policy › never › auditor may never write accounts',
    ]);
    expect(failuresOf('in-memory.fails.js')).toHaveLength(1);
  });

  test('without a target, makes a file fail whose definition lists no requests', () => {
    expect(testsOf('nothing-written.fails.js')).toEqual([]);
    expect(files.get('nothing-written.fails.js')?.message).toContain(
      'policy: it has no allow, deny or never, and without a target nothing else can fail. Add some, or give a target.',
    );
  });

  test('has a file fail that gives no policy, rather than test the default one', () => {
    expect(testsOf('no-policy.fails.js')).toEqual([]);
    expect(files.get('no-policy.fails.js')?.message).toContain('policy: must be a policy definition');
  });

  test('with a target, makes a file fail whose definition is empty', () => {
    expect(files.get('empty.fails.js')?.message).toContain('the policy has no rules');
  });

  test('with a target, makes a file fail if nothing can be derived in its model', () => {
    expect(files.get('underivable.fails.js')?.message).toContain('no request can be derived from its rules');
  });

  test('has no test run when the target can not be had', () => {
    expect(testsOf('unreachable.fails.js').map(({ status }) => status)).toEqual(['skipped', 'skipped']);
  });

  test('makes a file fail whose definition has problems, with every problem', () => {
    const message = files.get('unsound.fails.js')?.message;
    expect(message).toContain('role "user" inherits from "redonly", which is not defined');
    expect(message).toContain('has ptype "p9", which the model does not define');
  });

  test('has a single expectation fail with its explanation', () => {
    const [failure] = failuresOf('expectation.fails.js');
    expect(failure?.message).toContain('answer   allowed by the rule "p, user, accounts, write"');
    expect(failure?.message).toContain('roles    alice → admin → user');
    expect(failure?.message, 'at the line of the application').toContain('expectation.fails.js:');
  });
});
