/**
 * Brings a PostgreSQL database to the state in which a Casbin application may start. {@link bootstrapDatabase} is
 * the function to begin with.
 *
 * @module casbin-bootstrap
 */

export { bootstrapDatabase } from './bootstrap.ts';
export type { ConfigureEnforcer } from './casbin/enforcer.ts';
export { defaultModelPath, domainsModelPath } from './casbin/model-file.ts';
export { type CopyOptions, type CopyReport, copyRules, type RulePlace } from './copy-rules.ts';
export { createEnforcer } from './create-enforcer.ts';
export type { ClientLike, PoolLike, QueryResultLike } from './database/client.ts';
export { defaultPolicy } from './defaults/default-policy.ts';
export { defaultProviders, type Provider, providerSeeder } from './defaults/provider-seeder.ts';
export {
  BootstrapError,
  type BootstrapErrorCode,
  ConnectionError,
  DatabaseError,
  InvalidOptionsError,
  type LockHolder,
  LockTimeoutError,
  MigrationBrokePolicyError,
  MigrationError,
  PermissionError,
  PolicyChangeError,
  type Problem,
  type ProblemCode,
  SeederError,
  StoredRuleError,
  VerificationError,
  type Violation,
} from './errors.ts';
export type { LoggerLike } from './logger.ts';
export type { Migration, MigrationProvider, MigrationSettings, Migrations } from './migrator/migration.ts';
export type {
  BootstrapOptions,
  EnforcerOptions,
  VerifyDatabaseOptions,
  VerifyOptions,
} from './options.ts';
export { policyToCsv } from './policy/csv.ts';
export {
  type DefinedPolicy,
  type DefinedRequest,
  type DomainPolicyDefinition,
  type DomainRequest,
  type DomainsDefinition,
  definePolicy,
  type PolicyDefinition,
  type PolicyRequest,
  type RequestName,
  type RoleDefinition,
} from './policy/definition.ts';
export { loadPolicyFile } from './policy/policy-file.ts';
export type { Rule } from './policy/rule.ts';
export type { OnProgress, Progress } from './progress.ts';
export type {
  AppliedMigration,
  BootstrapReport,
  Coverage,
  Decision,
  DriftFinding,
  EngineName,
  EngineReport,
  Explanation,
  Holders,
  IntegrityFinding,
  OmittedFindings,
  RowId,
  RowOrder,
  SeederReport,
  TakeoverReport,
  VerificationFailure,
  VerificationReport,
  VerificationScope,
  VerificationWarning,
} from './report.ts';
export {
  type ChangeOptions,
  type ChangeReport,
  changePolicy,
  type PolicyChanges,
  type RoleAssignment,
} from './running/change-policy.ts';
export {
  type JournalEntry,
  type JournalFilter,
  type JournalPruning,
  pruneJournal,
  readJournal,
} from './running/journal.ts';
export { type RowSeederOptions, rowSeeder } from './seeding/row-seeder.ts';
export type { Seeder, SeederContext, SeederResult } from './seeding/seeder.ts';
export { type AdapterOptions, type CasbinAdapter, createAdapter } from './tables/adapter.ts';
export type { PolicyFilter } from './tables/load.ts';
export type { RuleTableOptions } from './tables/rule-table.ts';
export type { TenantReport, TenantsOptions, TenantsReport } from './tenants.ts';
export { bootstrapTenants, TenantSourceError } from './tenants.ts';
export type { OwnPool, Tenant } from './tenants-input.ts';
export { verifyDatabase } from './verify-database.ts';
