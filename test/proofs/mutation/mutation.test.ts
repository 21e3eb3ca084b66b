import { newModelFromString } from 'casbin';
import pg from 'pg';
import { afterAll, describe, expect, test } from 'vitest';
import { reachableScope } from '../../../src/casbin/scope.ts';
import { bootstrapDatabase, verifyDatabase } from '../../../src/index.ts';
import { compilePolicy } from '../../../src/policy/compile.ts';
import { RuleSet } from '../../../src/policy/rule-set.ts';
import { holdersAmong } from '../../../src/verification/drift.ts';
import { collectPromises } from '../../../src/verification/promises.ts';
import { verifyPolicy } from '../../../src/verification/verify-policy.ts';
import type { VerificationReport } from '../../../src/verification-report.ts';
import { useDatabase } from '../../support/database.ts';
import { LAYOUTS, type LayoutFixture } from '../../tables/layouts.fixture.ts';
import { storedRules } from '../../tables/rule-table.fixture.ts';
import {
  byDefault,
  type Subject,
  withDenyOverride,
  withDomains,
  withPriorities,
  withResourceRoles,
} from './definitions.fixture.ts';
import { assignments, keyOf, type Mutation, mutate, type Row } from './mutations.fixture.ts';
import { makeComparison } from './outcome.fixture.ts';

const database = useDatabase();
const SUBJECTS = [byDefault, withDomains, withResourceRoles, withDenyOverride, withPriorities];
/** What is stored of a row, in an insert. */
const STORED = {
  document: '(id, ptype, rule) select id, ptype, rule',
  columns:
    '(id, ptype, v0, v1, v2, v3, v4, v5) select id, ptype, rule ->> 0, rule ->> 1, rule ->> 2, rule ->> 3, rule ->> 4, rule ->> 5',
};
const totals = { caught: 0, harmless: 0 };

describe.each(LAYOUTS)('in a table of layout $name', (layout) => {
  test.for(SUBJECTS)(
    'every mutation of $name is reported, or changes no decision',
    { timeout: 240_000 },
    async (subject) => {
      const rows = await bootstrap(subject, layout);
      const verify = await verifyInMemory(subject, layout);
      // To store them takes long, so each layout has its part of them.
      const share = { document: 0, columns: 1 }[layout.name];
      const isStored = (index: number) => subject === byDefault && index % 2 === share;
      const store = verifyStored(subject, layout);
      const compare = await makeComparison(subject, layout.name);
      expect(await store(rows)).toMatchObject({ ok: true, failures: [], integrity: [], drift: [] });

      for (const [index, mutation] of mutate(rows).entries()) {
        const report = await (isStored(index) ? store : verify)(mutation.rows);
        totals[await compare(mutation, report)] += 1;
      }
    },
  );

  test.for(SUBJECTS)('a link of a user to a role of $name is no drift', async (subject) => {
    const rows = await bootstrap(subject, layout);
    const verify = verifyStored(subject, layout);

    for (const { what, rows: assigned } of assignments(rows)) {
      expect(await verify(assigned), what).toMatchObject({
        ok: true,
        failures: [],
        integrity: [],
        drift: [],
      });
    }
  });

  test.for(SUBJECTS)(
    'strict makes a failure of whatever drifts in $name, and of nothing else',
    async (subject) => {
      const rows = await bootstrap(subject, layout);
      const verify = await verifyInMemory(subject, layout);
      const additions = mutate(rows).filter((mutation) => isAddition(mutation, rows));

      for (const { what, rows: mutated } of additions) {
        const loose = await verify(mutated);
        const strict = await verify(mutated, true);
        expect(strict.ok, what).toBe(loose.ok && loose.drift.length === 0);
        expect(strict.failures, what).toHaveLength(loose.failures.length + loose.drift.length);
      }
    },
  );
});

afterAll(() => {
  const { caught, harmless } = totals;
  console.log(`${caught + harmless} mutations: ${caught} caught, ${harmless} change no decision`);
});

/** Bootstraps a schema of its own, and reads what that has stored. */
async function bootstrap(subject: Subject, layout: LayoutFixture): Promise<Row[]> {
  const pool = database.pool({ max: 1 });
  const options = optionsOf(subject);
  await pool.query(`drop schema if exists ${options.schema} cascade`);
  await bootstrapDatabase(pool, { ...options, ...layout.options });
  const { rows } = await pool.query(`select id from ${options.schema}.${layout.table} order by id`);
  const rules = await storedRules(pool, `${options.schema}.${layout.table}`);
  return rules.map(([ptype = '', ...values], index) => ({ id: rows[index].id, ptype, values }));
}

/** Verifies the database with other rows in the place of those that a bootstrap has stored. */
function verifyStored(subject: Subject, { name, options, table }: LayoutFixture) {
  const pool = database.pool({ max: 1 });
  const { schema } = optionsOf(subject);
  return async (rows: readonly Row[], strict = false) => {
    const stored = JSON.stringify(rows.map(({ id, ptype, values }) => ({ id, ptype, rule: values })));
    await pool.query(`
      delete from ${schema}.${table};
      insert into ${schema}.${table} ${STORED[name]}
      from jsonb_to_recordset(${pg.escapeLiteral(stored)}) as row (id int, ptype text, rule jsonb)
    `);
    return verifyDatabase(pool, { ...optionsOf(subject), ...options, verify: { strict } });
  };
}

/** Of one test for another that verifies the same. */
const looseReports = new Map<string, VerificationReport>();

/** The same of rows that are stored nowhere. */
async function verifyInMemory(subject: Subject, { ruleTable }: LayoutFixture) {
  const { policy, model } = optionsOf(subject);
  const defined = new RuleSet(compilePolicy(policy));
  const { expectations, coverage, warnings, valuesAt } = await collectPromises(model, defined, policy, {
    configureEnforcer: undefined,
  });
  const given = {
    reach: () => reachableScope(model, defined.rules, valuesAt),
    model,
    configureEnforcer: undefined,
    defined,
    expectations,
    coverage,
    warnings,
    ruleTable,
  };
  const verify = (rows: readonly Row[], strict: boolean) => {
    const live = rows.map((row) => ({ ...row, values: [...row.values] }));
    const findHolders = holdersAmong(model, live);
    return verifyPolicy({ ...given, live, scope: 'whole', findHolders, strict });
  };
  return async (rows: readonly Row[], strict = false) => {
    if (strict) return verify(rows, strict);
    const key = JSON.stringify([subject.name, ruleTable.layout, rows]);
    const report = looseReports.get(key) ?? (await verify(rows, strict));
    looseReports.set(key, report);
    return report;
  };
}

function optionsOf({ name, modelText, policy }: Subject) {
  return { model: newModelFromString(modelText), policy, schema: name.replaceAll(/\W/g, '_'), seeders: [] };
}

function isAddition({ rows }: Mutation, original: readonly Row[]): boolean {
  const keys = new Set(rows.map(keyOf));
  return rows.length > original.length && original.every((row) => keys.has(keyOf(row)));
}
