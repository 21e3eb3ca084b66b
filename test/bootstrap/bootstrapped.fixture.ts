import { onTestFinished } from 'vitest';
import { type BootstrapOptions, bootstrapDatabase, type PolicyDefinition } from '../../src/index.ts';
import { copyDatabase, type TestDatabase } from '../support/database.ts';

/** Options that can be told apart by their JSON. */
interface PlainOptions extends Pick<BootstrapOptions, 'journal' | 'schema'> {
  readonly table?: string;
  readonly policy?: PolicyDefinition | null;
  readonly verify?: false;
  /** None, or the default ones. */
  readonly seeders?: [];
}

/**
 * A database of its own for the running test, as a bootstrap of an empty one with these options leaves it; for tests
 * whose point comes afterwards.
 *
 * @param whenFinished as for `createDatabase`
 */
export function createBootstrapped(
  options: PlainOptions = {},
  whenFinished = onTestFinished,
): Promise<TestDatabase> {
  return copyDatabase(JSON.stringify(options), (pool) => bootstrapDatabase(pool, options), whenFinished);
}
