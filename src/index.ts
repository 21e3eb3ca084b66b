export { bootstrapDatabase } from './bootstrap.ts';
export { type AdapterOptions, type CasbinAdapter, createAdapter } from './casbin/adapter.ts';
export type { ConfigureEnforcer } from './casbin/enforcer.ts';
export { defaultModelPath } from './casbin/model-file.ts';
export { createEnforcer } from './create-enforcer.ts';
export type { ClientLike, PoolLike, QueryResultLike } from './database/client.ts';
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
  type Problem,
  type ProblemCode,
  SeederError,
  StoredRuleError,
  VerificationError,
} from './errors.ts';
export type { LoggerLike } from './logger.ts';
export type { Migration, MigrationProvider, MigrationSettings, Migrations } from './migration/migration.ts';
export type { BootstrapOptions, EnforcerOptions, VerifyOptions } from './options.ts';
export { policyToCsv } from './policy/csv.ts';
export { defaultPolicy } from './policy/default-policy.ts';
export {
  definePolicy,
  type PolicyDefinition,
  type PolicyRequest,
  type RoleDefinition,
} from './policy/definition.ts';
export { loadPolicyFile } from './policy/policy-file.ts';
export type { Rule } from './policy/rule.ts';
export type { OnProgress, Progress } from './progress.ts';
export type { BootstrapReport, SeederReport, TakeoverReport } from './report.ts';
export { defaultProviders, type Provider, providerSeeder } from './seeding/provider-seeder.ts';
export { type RowSeederOptions, rowSeeder } from './seeding/row-seeder.ts';
export type { Seeder, SeederContext, SeederResult } from './seeding/seeder.ts';
export { TenantSourceError } from './tenants/error.ts';
export type { TenantsOptions } from './tenants/options.ts';
export type { TenantReport, TenantsReport } from './tenants/report.ts';
export type { OwnPool, Tenant } from './tenants/tenant.ts';
export { bootstrapTenants } from './tenants.ts';
export type {
  Coverage,
  Decision,
  DriftFinding,
  Explanation,
  Holders,
  IntegrityFinding,
  RowOrder,
  VerificationFailure,
  VerificationReport,
  VerificationScope,
  VerificationWarning,
} from './verification/report.ts';
export { verifyDatabase } from './verify-database.ts';
