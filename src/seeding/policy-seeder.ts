import { casbinMigrations } from '../../migrations/index.ts';
import { formatRule, type Rule } from '../policy/rule.ts';
import type { RunnableSeeder } from './seeder.ts';

/** The seeder of the policy itself, through the hardened adapter. */
export function policySeeder(rules: readonly Rule[]): RunnableSeeder {
  return {
    name: 'rbac',
    table: 'casbin',
    isPolicy: true,
    migrations: casbinMigrations,
    total: rules.length,
    async seed({ adapter, logger, firstRun, dryRun, progress }) {
      const inserted = await adapter.addRules(rules, (done) => progress(done, rules.length));
      // On a database that was bootstrapped before, a rule is new in the definition, or somebody deleted it.
      for (const rule of firstRun ? [] : inserted) {
        logger.warn(
          { event: 'rule_inserted', rule: formatRule(rule) },
          dryRun ? 'Would insert a defined rule that is missing' : 'Defined rule was missing, inserted',
        );
      }
      return { inserted: inserted.length, existing: rules.length - inserted.length };
    },
  };
}
