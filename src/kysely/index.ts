/**
 * For applications that run Kysely's Migrator themselves: a bootstrap after each run.
 *
 * @module casbin-bootstrap/kysely
 */

export {
  type MigrationResults,
  type MigratorArguments,
  type MigratorClass,
  type MigratorLike,
  withBootstrap,
} from './with-bootstrap.ts';
