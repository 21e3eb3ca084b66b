import { newModelFromString, Util } from 'casbin';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ConfigureEnforcer } from '../../src/casbin/enforcer.ts';
import type { StoredRule } from '../../src/casbin/rule-row.ts';
import { reachableScope, reachedRules, type Scope } from '../../src/casbin/scope.ts';
import { type BootstrapOptions, bootstrapDatabase, definePolicy, verifyDatabase } from '../../src/index.ts';
import { isEmptied, readLivePolicy } from '../../src/tables/live-policy.ts';
import { decideAll } from '../../src/verification/decide.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { openWire } from '../support/wire.ts';
import { LAYOUTS } from '../tables/layouts.fixture.ts';
import { openDatabase, store } from './large-table.fixture.ts';
import { world } from './random-model.fixture.ts';

/** More rules than a bootstrap would read all of. */
const MANY = 1_500;

/**
 * So many role links of users, as an insert. Of few names: a matching function is called for each two of them, for each
 * enforcer that is made.
 */
const LINKS = {
  document: `insert into casbin (ptype, rule)
    select 'g', jsonb_build_array('user' || n / 40, 'team' || n % 40) from generate_series(1, $1::int) n`,
  columns: `insert into casbin_rule (ptype, v0, v1)
    select 'g', 'user' || n / 40, 'team' || n % 40 from generate_series(1, $1::int) n`,
};

/** A row that holds no rule, as an insert. */
const FAULTY = {
  document: `insert into casbin (ptype, rule) values ('p', '["zz", 5, "read"]')`,
  columns: `insert into casbin_rule (ptype, v0, v1, v2) values (null, 'zz', 'data', 'read')`,
};

describe.each(LAYOUTS)('in a table of layout $name', (layout) => {
  test('a bootstrap verifies the rules that it reads, and all of them under full', async () => {
    const pool = (await createBootstrapped(layout.options)).pool();
    await pool.query(LINKS[layout.name], [MANY]);
    await layout.insert(pool, ['g', 'z(', 'team1'], ['p9', 'user1', 'x']);

    const report = await bootstrapDatabase(pool, layout.options);
    const full = await verifyDatabase(pool, { ...layout.options, verify: { full: true } });

    expect(report.verification).toMatchObject({ ok: true, integrity: [] });
    expect(full).toMatchObject({ ok: true, failures: [], drift: [] });
    expect(full.integrity.map(({ severity, rule }) => [severity, rule])).toEqual([
      ['warning', ['g', 'z(', 'team1']],
      ['warning', ['p9', 'user1', 'x']],
    ]);
    await expect(
      bootstrapDatabase(pool, { ...layout.options, verify: { stockLoadable: true } }),
    ).rejects.toMatchObject({
      code: 'VERIFICATION_FAILED',
      report: { integrity: [{ severity: 'failure', rule: ['g', 'z(', 'team1'] }, { severity: 'warning' }] },
    });
  });

  test.each<[BootstrapOptions, { document: number; columns: number }]>([
    [{}, { document: 2, columns: 3 }],
    [{ engine: 'cockroachdb' }, { document: 4, columns: 4 }],
  ])(
    'a thousand rules more than are defined are read whole, and one more only as far as needed: %o',
    async (engine, roundTrips) => {
      const database = await createBootstrapped(layout.options);
      await using wire = await openWire(database.url);
      const pool = database.pool();
      const options = { ...layout.options, ...engine };
      const readScopes = async () => {
        const { verification } = await bootstrapDatabase(
          database.pool({ connectionString: wire.url }),
          options,
        );
        const { scope } = await verifyDatabase(pool, options);
        return [verification.scope, scope];
      };
      await pool.query(LINKS[layout.name], [1_000]);
      const whole = { kind: 'whole', rules: 1_016 };
      expect(await readScopes()).toEqual([whole, whole]);

      await layout.insert(pool, ['g', 'alice', 'team1']);
      const part = { kind: 'part', rules: 16 };
      expect(await readScopes()).toEqual([part, part]);
      expect(wire.roundTrips, 'of both starts').toBe(roundTrips[layout.name]);
    },
  );

  test('a row that holds no rule, and that no request can reach, is found under full', async () => {
    const pool = (await createBootstrapped(layout.options)).pool();
    await pool.query(LINKS[layout.name], [MANY]);
    await pool.query(FAULTY[layout.name]);

    await expect(bootstrapDatabase(pool, layout.options)).resolves.toMatchObject({ changed: false });
    await expect(verifyDatabase(pool, { ...layout.options, verify: { full: true } })).rejects.toMatchObject({
      code: 'STORED_RULE_INVALID',
    });
  });

  test('with configureEnforcer a large table is read whole: its functions may link any names', async () => {
    const pool = (await createDatabase()).pool();
    const policy = definePolicy({
      roles: { user: { permissions: { data: ['read'] } }, admin: { permissions: { data: ['write'] } } },
      never: [['user', 'data', 'write']],
    });
    const configureEnforcer: ConfigureEnforcer = async (enforcer) => {
      await enforcer.addNamedMatchingFunc('g', Util.keyMatchFunc);
    };
    const options = { ...layout.options, policy, seeders: [], configureEnforcer };
    await bootstrapDatabase(pool, options);
    await pool.query(LINKS[layout.name], [MANY]);
    await expect(bootstrapDatabase(pool, options)).resolves.toMatchObject({ changed: false });
    await layout.insert(pool, ['g', 'us*', 'admin']);

    await expect(bootstrapDatabase(pool, options)).rejects.toMatchObject({
      code: 'VERIFICATION_FAILED',
      report: { failures: [{ kind: 'never', request: ['user', 'data', 'write'], actual: 'allow' }] },
    });
  });

  test('a role link that begins at a literal counts in a large table too', async () => {
    const pool = (await createDatabase()).pool();
    const text = modelText({
      m: '(g(r.sub, p.sub) || g("everyone", p.sub)) && r.obj == p.obj && r.act == p.act',
    });
    const policy = definePolicy({
      roles: { user: { permissions: { data: ['read'] } }, admin: { permissions: { data: ['write'] } } },
      never: [['user', 'data', 'write']],
    });
    const options = { ...layout.options, model: newModelFromString(text), policy, seeders: [] };
    await bootstrapDatabase(pool, options);
    await pool.query(LINKS[layout.name], [MANY]);
    await layout.insert(pool, ['g', 'everyone', 'admin']);

    await expect(bootstrapDatabase(pool, options)).rejects.toMatchObject({
      code: 'VERIFICATION_FAILED',
      report: { failures: [{ kind: 'never', request: ['user', 'data', 'write'], actual: 'allow' }] },
    });
  });

  // Each layout has a part of the runs.
  test('the rules that requests can reach decide them as all rules do', async () => {
    const [db, table] = await openDatabase(layout);
    let left = 0;

    await fc.assert(
      fc.asyncProperty(world, async ({ modelText, rules, others, requests }) => {
        const model = newModelFromString(modelText);
        const valuesAt = (position: number) => requests.map((request) => request[position] ?? '');
        const scope = reachableScope(model, [], valuesAt);
        const [whole, reached] = await db.transaction().execute(async (trx) => {
          await store(trx, table, [...rules, ...others]);
          const read = (scope: Scope) => readLivePolicy(trx, table, scope);
          return [await read({ kind: 'whole' }), await read(scope)] as const;
        });
        const amongThem = reachedRules(scope, whole);
        const isAmongThem = ({ id }: StoredRule) => amongThem.some((other) => other.id === id);
        expect(reached.filter(isAmongThem)).toEqual(amongThem);
        // Of columns, those without a first value are read to be refused; and Casbin needs a `p` rule, whichever.
        const more = reached.filter((one) => !isAmongThem(one) && one.values[0] !== '');
        expect(more.length).toBeLessThanOrEqual(isEmptied(scope, amongThem) ? 1 : 0);
        left += whole.length - reached.length;

        expect(await decideAll(model, reached, requests)).toEqual(await decideAll(model, whole, requests));
      }),
      { numRuns: 150 },
    );

    expect(left, 'nothing was left out').toBeGreaterThan(0);
  }, 120_000);
});
