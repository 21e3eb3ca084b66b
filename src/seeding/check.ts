import type { Problem } from '../errors.ts';
import type { Migrations } from '../migration/migration.ts';
import { formatText } from '../policy/rule.ts';
import { reasonOf } from '../reason.ts';
import type { Seeder } from './seeder.ts';

/** The seeder that is always there. */
const RBAC = 'rbac';

/** What is wrong with the given seeders, by themselves and beside each other. */
export function checkSeeders(seeders: readonly Seeder[], packageMigrations: Migrations): Problem[] {
  const names = new Set([RBAC]);
  const migrations = new Map<string, unknown>(Object.entries(packageMigrations));
  return seeders.flatMap((seeder, index) => {
    const at = `seeders[${index}] ${formatText(seeder.name)}`;
    const own = runCheck(seeder).map((problem) => ({ ...problem, at: `${at} ${problem.at}` }));
    return [...own, ...checkName(seeder, at, names), ...checkMigrations(seeder, at, migrations)];
  });
}

function runCheck(seeder: Seeder): readonly Problem[] {
  try {
    return seeder.check?.() ?? [];
  } catch (error) {
    return [{ code: 'OPTION_INVALID', at: 'check', message: `it threw: ${reasonOf(error)}. Fix it.` }];
  }
}

function checkName({ name }: Seeder, at: string, names: Set<string>): Problem[] {
  const taken = names.has(name);
  names.add(name);
  if (!taken) return [];
  const message = `another seeder has that name${name === RBAC ? ': the one of the policy' : ''}. Give each its own.`;
  return [{ code: 'SEEDER_DUPLICATE', at, message }];
}

function checkMigrations(seeder: Seeder, at: string, known: Map<string, unknown>): Problem[] {
  return Object.entries(seeder.migrations ?? {}).flatMap(([name, migration]): Problem[] => {
    const other = known.get(name) ?? migration;
    known.set(name, migration);
    if (other === migration) return [];
    const message = `its migration ${formatText(name)} has the name of another one. Begin its name with the seeder's.`;
    return [{ code: 'MIGRATION_DUPLICATE', at, message }];
  });
}
