import { definePolicy, domainsModelPath } from 'casbin-bootstrap';

/** A policy without domains, for most of the tests. */
export const policy = definePolicy({
  roles: {
    reader: { permissions: { accounts: ['read'] } },
    writer: { inherits: ['reader'], permissions: { accounts: ['write'] } },
    keeper: { inherits: ['writer'], permissions: { accounts: ['delete'] } },
  },
});

/** One whose roles are those of each tenant. */
export const tenantPolicy = definePolicy({
  domains: {
    roles: { clerk: { permissions: { invoices: ['read'] } } },
    tenants: ['acme', 'globex'],
  },
});

export const OPTIONS = { policy, seeders: [], journal: true };
export const TENANT_OPTIONS = { policy: tenantPolicy, model: domainsModelPath, seeders: [], journal: true };
