import { journal as journalOf } from '../../migrations/0003_journal.ts';
import { ownership } from '../../migrations/0004_ownership.ts';
import { asClient } from '../database/own-queries.ts';
import type { Migrations } from '../migrator/migration.ts';
import { formatRule, type Rule } from '../policy/rule.ts';
import { seedRules } from '../tables/insert.ts';
import { journalMigrationOf, recordedOf } from '../tables/recording.ts';
import type { RuleTable } from '../tables/rule-table.ts';
import { RBAC, type RunnableSeeder } from './seeder.ts';

/** What is recorded in addition to the rules. Each needs tables of its own. */
export interface PolicyRecords {
  /** Every change of the table. */
  readonly journal: boolean;
  /** Which rules bootstraps have inserted. */
  readonly ownership: boolean;
}

/** The seeder of the policy itself. */
export function policySeeder(
  table: RuleTable,
  rules: readonly Rule[],
  records: PolicyRecords = { journal: false, ownership: false },
): RunnableSeeder {
  return {
    name: RBAC,
    table: table.name,
    isPolicy: true,
    migrations: {
      ...table.migrations,
      ...(records.journal ? journalMigrations(table) : {}),
      ...(records.ownership ? { [OWNERSHIP_MIGRATION]: ownership } : {}),
    },
    total: rules.length,
    portion: (start, end) => policySeeder(table, rules.slice(start, end), records),
    async seed({ db, logger, firstRun, dryRun, progress }) {
      const report = (done: number) => progress(done, rules.length);
      // The step that settles the ownership has locked the table.
      const { inserted, absent } = await seedRules(asClient(db), table, rules, {
        report,
        isLocked: records.ownership,
      });
      if (absent.length > 0) throw new Error(describeAbsent(table, absent));
      const existing = rules.length - inserted.length;
      // If the database was bootstrapped before, a missing rule is new in the definition, or somebody deleted it.
      // A table that another adapter created has no record.
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

/** How many rules a message names. */
const NAMED = 10;

/** Rules that PostgreSQL took, and that are not in the table afterwards: they would be missing at each start. */
function describeAbsent({ sql }: RuleTable, absent: readonly Rule[]): string {
  const more = absent.length > NAMED ? ` and ${absent.length - NAMED} more` : '';
  const rules = absent.slice(0, NAMED).map((rule) => `"${formatRule(rule)}"`);
  return `table ${sql} does not hold ${rules.join('; ')}${more} after the insert, because a trigger leaves it out or changes it. Change the trigger, or the policy.`;
}

const OWNERSHIP_MIGRATION = '0004_ownership';

function journalMigrations(table: RuleTable): Migrations {
  return { [journalMigrationOf(table)]: journalOf(recordedOf(table)) };
}
