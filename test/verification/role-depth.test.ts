import { DefaultRoleManager, type Enforcer, newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import {
  bootstrapDatabase,
  createEnforcer,
  definePolicy,
  diffPolicies,
  loadPolicyFile,
} from '../../src/index.ts';
import { checkStructure } from '../../src/verification/structure.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { writeTemporary } from '../policy/temporary-file.ts';
import { problemsOf } from '../refusals/refusal.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { rule, verifyRules } from './verify.fixture.ts';

const RBAC = modelText();
const DOMAINS = modelText({
  r: 'sub, dom, obj, act',
  p: 'sub, dom, obj, act',
  g: ['g = _, _, _'],
  m: 'g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act',
});

/** A chain of this number of links, as lines; each has the given values after its two roles. */
function chain(links: number, rest = ''): string[] {
  return Array.from({ length: links }, (_, level) => `g, level${level}, level${level + 1}${rest}`);
}

function follow(links: number) {
  return (enforcer: Enforcer) => void enforcer.setRoleManager(new DefaultRoleManager(links));
}

describe('a role manager of configureEnforcer that follows more links than Casbin’s', () => {
  const policy = definePolicy({ rules: [rule('p, level15, data, read'), ...chain(15).map(rule)] });
  const options = { policy, seeders: [], configureEnforcer: follow(20) };

  test('may have a hierarchy as deep as that', async () => {
    const pool = (await createDatabase()).pool();

    const { verification } = await bootstrapDatabase(pool, options);

    expect(verification).toMatchObject({ ok: true, checks: 17, allowed: 16, integrity: [] });
    expect(verification.coverage).toEqual({ covered: 16, total: 16, uncovered: [] });
    await expect(bootstrapDatabase(pool, options)).resolves.toMatchObject({ changed: false });
    expect((await diffPolicies(policy, pool, options)).rules).toMatchObject({ added: [], removed: [] });
    const enforcer = await createEnforcer(pool, options);
    expect(await enforcer.enforce('level0', 'data', 'read')).toBe(true);
  });

  test('may have a hierarchy from a file as deep as that', async () => {
    const file = await writeTemporary('deep.csv', ['p, level15, data, read', ...chain(15), ''].join('\n'));

    await expect(loadPolicyFile(file)).resolves.toEqual({ rules: expect.any(Array) });
  });

  test('may not have a deeper one, and the limit is that of the role manager', async () => {
    const rules = [rule('p, level21, data, read'), ...chain(21).map(rule)];

    expect(await problemsOf({ ...options, policy: { rules } })).toMatchObject([
      {
        code: 'ROLE_TOO_DEEP',
        message: expect.stringContaining('over 21 links, and Casbin silently stops at 20'),
      },
    ]);
  });

  test('is asked in the domain of the links', async () => {
    const rules = [rule('p, level15, one, data, read'), ...chain(15, ', one').map(rule)];
    const deeper = [rule('p, level21, one, data, read'), ...chain(21, ', one').map(rule)];
    const model = newModelFromString(DOMAINS);
    const report = await verifyRules(
      DOMAINS,
      { rules },
      rules.map((one) => one.join(', ')),
      {
        configureEnforcer: follow(20),
      },
    );

    expect(report).toMatchObject({ ok: true, checks: 17, allowed: 16 });
    expect(await problemsOf({ ...options, model, policy: { rules: deeper } })).toMatchObject([
      { code: 'ROLE_TOO_DEEP', message: expect.stringContaining('over 21 links in domain one') },
    ]);
  });
});

describe('stored links with configureEnforcer', () => {
  const lines = ['p, user, data, read', 'g, admin, user'];
  const definition = { rules: lines.map(rule) };
  const verifyWith = (more: readonly string[], configureEnforcer: (enforcer: Enforcer) => void) =>
    verifyRules(RBAC, definition, [...lines, ...more], { configureEnforcer });

  test('that are deeper than Casbin follows are a failure, as they are without it', async () => {
    const report = await verifyWith(chain(11), () => {});

    expect(report).toMatchObject({ ok: false, checks: 0, integrity: [{ severity: 'failure' }] });
    expect(report.integrity[0]?.message).toContain(
      'Inheritance over 11 links, and Casbin silently stops at 10',
    );
  });

  test('that a role manager follows are no problem', async () => {
    await expect(verifyWith(chain(20), follow(20))).resolves.toMatchObject({ ok: true, integrity: [] });
    await expect(verifyWith(chain(21), follow(20))).resolves.toMatchObject({ ok: false });
  });

  test('that are deeper than a lower limit are a failure', async () => {
    const report = await verifyWith(chain(4), follow(3));

    expect(report.integrity[0]?.message).toContain(
      'Inheritance over 4 links, and Casbin silently stops at 3',
    );
    await expect(verifyWith(chain(3), follow(3))).resolves.toMatchObject({ ok: true });
  });

  test('that close a circle are found before any role manager is asked', async () => {
    let asked = 0;
    class Asked extends DefaultRoleManager {
      override hasLink(...names: [string, string, ...string[]]): Promise<boolean> {
        asked += 1;
        return super.hasLink(...names);
      }
    }
    const check = (more: readonly string[]) => {
      const live = [...lines, ...more]
        .map(rule)
        .map(([ptype = '', ...values], id) => ({ id, ptype, values }));
      return checkStructure(newModelFromString(RBAC), live, [], (enforcer) => {
        enforcer.setRoleManager(new Asked(1_000));
      });
    };
    await expect(check(chain(12))).resolves.toEqual([]);
    expect(asked).toBeGreaterThan(0);
    asked = 0;

    const findings = await check([...chain(12), 'g, user, admin']);

    expect(findings).toMatchObject([{ severity: 'failure', message: expect.stringContaining('circle') }]);
    expect(asked).toBe(0);
  });
});
