import { journal } from '../../migrations/0003_journal.ts';
import type { Migrations } from '../migrator/migration.ts';
import type { RuleTable } from '../tables/rule-table.ts';

/** What has the changes of a rule table recorded. */
export function journalMigrations(table: RuleTable): Migrations {
  const recorded = {
    name: table.name,
    ptype: table.ptype('changed'),
    values: table.valuesAsJson('changed'),
  };
  return { [`0003_journal_${table.name}`]: journal(recorded) };
}
