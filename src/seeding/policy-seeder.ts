import { journal as journalOf } from '../../migrations/0003_journal.ts';
import { asClient } from '../database/own-queries.ts';
import type { Migrations } from '../migrator/migration.ts';
import { formatRule, type Rule } from '../policy/rule.ts';
import { seedRules } from '../tables/insert.ts';
import type { RuleTable } from '../tables/rule-table.ts';
import type { RunnableSeeder } from './seeder.ts';

/**
 * The seeder of the policy itself.
 *
 * @param journal whether changes of the table are recorded
 */
export function policySeeder(table: RuleTable, rules: readonly Rule[], journal = false): RunnableSeeder {
  return {
    name: 'rbac',
    table: table.name,
    isPolicy: true,
    migrations: journal ? { ...table.migrations, ...journalMigrations(table) } : table.migrations,
    total: rules.length,
    portion: (start, end) => policySeeder(table, rules.slice(start, end)),
    async seed({ db, logger, firstRun, dryRun, progress }) {
      const report = (done: number) => progress(done, rules.length);
      const inserted = await seedRules(asClient(db), table, rules, report);
      const existing = rules.length - inserted.length;
      // On a database that was bootstrapped before, a rule is new in the definition, or somebody deleted it.
      // Nothing is recorded about a table that another adapter made.
      const isNew = firstRun || (existing === 0 && Object.keys(table.migrations).length === 0);
      for (const rule of isNew ? [] : inserted) {
        logger.warn(
          { event: 'rule_inserted', rule: formatRule(rule) },
          dryRun ? 'Would insert a defined rule that is missing' : 'Defined rule was missing, inserted',
        );
      }
      return { inserted: inserted.length, existing };
    },
  };
}

function journalMigrations(table: RuleTable): Migrations {
  const recorded = {
    name: table.name,
    ptype: table.ptype('changed'),
    values: table.valuesAsJson('changed'),
  };
  return { [`0003_journal_${table.name}`]: journalOf(recorded) };
}
