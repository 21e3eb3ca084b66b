/**
 * Brings a PostgreSQL database to the state in which a Casbin application may start. {@link bootstrapDatabase} is
 * the function to begin with.
 *
 * @module casbin-bootstrap
 */

export { bootstrapDatabase } from './bootstrap.ts';
export type {
  AppliedMigration,
  BootstrapReport,
  EngineName,
  EngineReport,
  OwnershipReport,
  RenamedRole,
  SeederReport,
  TakeoverReport,
} from './bootstrap-report.ts';
export type { ConfigureEnforcer } from './casbin/enforcer.ts';
export { defaultModelPath, domainsModelPath } from './casbin/model-file.ts';
export { type CommandConfig, defineConfig } from './config.ts';
export { type CopyOptions, type CopyReport, copyRules, type RulePlace } from './copy-rules.ts';
export { createEnforcer } from './create-enforcer.ts';
export type { ClientLike, OnlySession, PoolLike, QueryResultLike } from './database/client.ts';
export { defaultPolicy } from './defaults/default-policy.ts';
export { defaultProviders, type Provider, providerSeeder } from './defaults/provider-seeder.ts';
export type { BootstrapErrorCode, ProblemCode } from './error-codes.ts';
export {
  BootstrapError,
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
  SeederError,
  StoredRuleError,
  VerificationError,
  type Violation,
} from './errors.ts';
export { type ImportOptions, importPolicy } from './import-policy.ts';
export { type InitOptions, type InitReport, initProject, type ProjectChange } from './init/init-project.ts';
export type { DatabaseCheck, DatabaseFinding, Diagnosis } from './inspect/database-finding.ts';
export { examineDatabase } from './inspect/examine-database.ts';
export { explainDecision } from './inspect/explain-decision.ts';
export { type BootstrapPlan, planBootstrap } from './inspect/plan-bootstrap.ts';
export {
  type DatabaseStatus,
  type MigrationStatus,
  type RuleCounts,
  readStatus,
  type TableStatus,
  type VersionStatus,
} from './inspect/read-status.ts';
export type { LoggerLike } from './logger.ts';
export type { Migration, MigrationProvider, MigrationSettings, Migrations } from './migrator/migration.ts';
export type {
  BootstrapOptions,
  EnforcerOptions,
  VerifyDatabaseOptions,
  VerifyOptions,
} from './options.ts';
export { createPage, type PageOptions } from './page/create-page.ts';
export { type PageServer, type ServePageOptions, servePage } from './page/serve-page.ts';
export { policyToCsv } from './policy/csv.ts';
export {
  type DefinedPolicy,
  type DefinedRequest,
  type DomainPolicyDefinition,
  type DomainRequest,
  type DomainsDefinition,
  definePolicy,
  type OnRevoked,
  type PolicyDefinition,
  type PolicyRequest,
  type RenamedParts,
  type RequestName,
  type RetiredParts,
  type RetiredRole,
  type RoleDefinition,
} from './policy/definition.ts';
export { loadPolicyFile } from './policy/policy-file.ts';
export type { Rule } from './policy/rule.ts';
export { policyToTypeScript, policyToYaml } from './policy/write-definition.ts';
export type { OnProgress, Progress } from './progress.ts';
export { coverageToLcov } from './render/lcov.ts';
export { diffPolicies, type PolicyDiff, type RuleChanges } from './review/diff-policies.ts';
export { policyToMermaid, policyToSvg } from './review/draw-policy.ts';
export {
  type LintReport,
  type LintRequirements,
  type LintWarning,
  lintPolicy,
} from './review/lint-policy.ts';
export type { PolicySource } from './review/policy-source.ts';
export { type PulledPolicy, pullPolicy } from './review/pull-policy.ts';
export { type AllowedRequest, type PolicyMatrix, readMatrix, type WithUsers } from './review/read-matrix.ts';
export {
  type PolicyCoverage,
  type PolicyTestFilter,
  type PolicyTestReport,
  type PolicyTestRequirements,
  type PolicyTestResult,
  type PolicyTestWarning,
  type RuleCoverage,
  testPolicy,
} from './review/test-policy.ts';
export { changePolicy, createPolicyEditor, type PolicyEditor } from './running/change-policy.ts';
export { createLiveEnforcer, type LiveEnforcerOptions } from './running/create-live-enforcer.ts';
export { createWatcher, type LiveWatcher } from './running/create-watcher.ts';
export {
  type JournalEntry,
  type JournalFilter,
  type JournalPruning,
  pruneJournal,
  readJournal,
} from './running/journal.ts';
export type { LiveEnforcer, LiveState, PolicyChange } from './running/live-enforcer.ts';
export type {
  ChangeOptions,
  ChangeReport,
  ChangesFor,
  ChangeValues,
  DomainPolicyChanges,
  DomainRoleAssignment,
  PolicyChanges,
  RoleAssignment,
} from './running/policy-changes.ts';
export { type BootstrapSqlOptions, writeBootstrapSql } from './script/bootstrap-sql.ts';
export type { InsertedRow } from './seeding/inserted-rows.ts';
export { type RowSeederOptions, rowSeeder } from './seeding/row-seeder.ts';
export type { Seeder, SeederContext, SeederResult } from './seeding/seeder.ts';
export { type AdapterOptions, type CasbinAdapter, createAdapter } from './tables/adapter.ts';
export type { PolicyFilter } from './tables/load.ts';
export type { RuleTableOptions } from './tables/rule-table.ts';
export type { TenantReport, TenantsOptions, TenantsReport } from './tenants.ts';
export { bootstrapTenants, TenantSourceError } from './tenants.ts';
export type { OwnPool, Tenant } from './tenants-input.ts';
export type { ClosestRule } from './verification/closest-rules.ts';
export type {
  DecisionChange,
  DecisionChanges,
  ExplainedDecision,
  OmittedChanges,
} from './verification/compare-policies.ts';
export type { DecisionExplanation, HeldRoles } from './verification/decision-explanation.ts';
export type {
  Coverage,
  Decision,
  DriftFinding,
  Explanation,
  Holders,
  IntegrityFinding,
  KeptAwayRule,
  OmittedFindings,
  RowId,
  RowOrder,
  RuleOrigin,
  VerificationFailure,
  VerificationReport,
  VerificationScope,
  VerificationWarning,
} from './verification-report.ts';
export { verifyDatabase } from './verify-database.ts';
