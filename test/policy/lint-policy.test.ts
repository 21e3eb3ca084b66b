import { describe, expect, test } from 'vitest';
import { definePolicy, lintPolicy } from '../../src/index.ts';
import { writeTemporary } from './temporary-file.ts';

const POLICY = definePolicy({
  roles: {
    viewer: { permissions: { invoices: ['read'] } },
    clerk: { inherits: ['viewer'] },
  },
});

describe('linting a policy', () => {
  test('finds nothing in one that is right, and measures it', async () => {
    await expect(lintPolicy({ policy: POLICY })).resolves.toEqual({
      ok: true,
      problems: [],
      warnings: [],
      coverage: { covered: 2, total: 2, uncovered: [] },
    });
  });

  test('tells every problem of a file, in the order of its lines', async () => {
    const lines = [
      'roles:',
      '  a:',
      '    permissions: { x: [read, read] }',
      ...Array.from({ length: 9 }, (_, index) => `  b${index}: { permissions: {} }`),
      '  c: { inherits: [nobody] }',
      'deny: [[a, x, reed]]',
    ];
    const path = await writeTemporary('policy.yaml', lines.join('\n'));
    const { ok, problems, coverage } = await lintPolicy({ policy: path });
    expect({ ok, coverage }).toEqual({ ok: false, coverage: null });
    expect(problems.map(({ at, code }) => [at.replace(path, ''), code])).toEqual([
      [':3:30', 'RULE_DUPLICATE'],
      [':13:19', 'ROLE_UNDEFINED'],
      [':14:15', 'REQUEST_NAME_UNKNOWN'],
    ]);
  });

  test('tells what the model lacks beside what the policy does wrong', async () => {
    const model = await writeTemporary(
      'model.conf',
      '[request_definition]\nr = sub, obj, act\n[policy_definition]\np = sub, obj, act\n[policy_effect]\ne = some(where (p.eft == allow))\n[matchers]\nm = r.sub == p.subb',
    );
    const { problems } = await lintPolicy({ model, policy: { rules: [['p', 'a', 'b']] } });
    expect(problems.map(({ code }) => code).sort()).toEqual(['MODEL_NAME_UNDEFINED', 'RULE_WRONG_LENGTH']);
  });

  test('finds a policy that contradicts itself, also where a bootstrap would not verify', async () => {
    const policy = { ...POLICY, never: [['viewer', 'invoices', 'read']] };
    await expect(lintPolicy({ policy, verify: false })).resolves.toMatchObject({
      ok: false,
      problems: [{ code: 'EXPECTATION_CONTRADICTED', at: 'policy.never[0]' }],
    });
  });

  test('requires that so much of the rules decides a request', async () => {
    const policy = {
      rules: [
        ['p', 'a', 'data', 'read'],
        ['p', 'a', 'data', 'read', 'x'],
      ].slice(0, 1),
      roles: { clerk: { inherits: ['viewer'] }, viewer: {} },
    };
    const report = await lintPolicy({ policy }, { coverage: 50 });
    expect(report).toMatchObject({ ok: true, coverage: { covered: 1, total: 2 } });
    const strict = await lintPolicy({ policy }, { coverage: 51 });
    expect(strict).toMatchObject({ ok: false, problems: [{ code: 'COVERAGE_TOO_LOW' }] });
    expect(strict.problems[0]?.message).toContain('"g, clerk, viewer"');
  });

  test.each([-1, 101, Number.NaN, '50' as never])('refuses %s as a percentage', async (coverage) => {
    await expect(lintPolicy({ policy: POLICY }, { coverage })).rejects.toMatchObject({
      problems: [{ code: 'OPTION_INVALID', at: 'coverage' }],
    });
  });

  test('has nothing to check where a file is missing', async () => {
    await expect(lintPolicy({ policy: 'none.yaml' })).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
    await expect(lintPolicy({ policy: POLICY, model: 'none.conf' })).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
    });
  });
});
