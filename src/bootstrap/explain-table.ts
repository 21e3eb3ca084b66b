import { type BootstrapError, DatabaseError } from '../errors.ts';
import { PACKAGE_LIST } from '../migration/migration.ts';
import type { ResolvedOptions } from '../options/resolve.ts';
import { describeFailure, type Failure } from './explain-step.ts';

/** A table that is not there, and who was to make it. */
export function explainMissingTable(failure: Failure, options: ResolvedOptions): BootstrapError {
  const message = `${describeFailure(failure)}. Nothing was changed. ${remedy(failure, options)}`;
  return new DatabaseError('TABLE_MISSING', message, { cause: failure.cause });
}

function remedy({ step }: Failure, { packageMigrations, seeders }: ResolvedOptions): string {
  if (step === null) return 'Run bootstrapDatabase() first, or name the schema that holds the tables.';
  if (packageMigrations === null) {
    return 'With migrations: false another tool must have made all tables before: run it, or leave the option out, so that they are made here.';
  }
  const own = seeders.find(({ name }) => name === step.name)?.migrations;
  if (step.name === 'rbac' || own !== undefined) {
    const names = step.name === 'rbac' ? ['0001_casbin'] : Object.keys(own ?? {});
    const list = names.map((name) => `'${name.replaceAll("'", "''")}'`).join(', ');
    return `The migration that makes it was applied, so it was removed or renamed since. Restore it, or have it made again: delete from ${PACKAGE_LIST.tableName} where name in (${list});`;
  }
  return 'Add a migration that makes it, to the seeder or to the migrations option, or correct its name.';
}
