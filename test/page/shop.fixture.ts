import type { PageData } from '../../src/page/page-data.ts';
import { linesOf, pageOf, stored } from './page.fixture.ts';

const SHOP = {
  roles: {
    viewer: { permissions: { invoices: ['read'], customers: ['read'], reports: ['read'] } },
    clerk: { inherits: ['viewer'], permissions: { invoices: ['write', 'send'], customers: ['write'] } },
    accountant: {
      inherits: ['clerk'],
      permissions: { invoices: ['approve', 'delete'], ledger: ['read', 'write'] },
    },
    auditor: { inherits: ['viewer'], permissions: { ledger: ['read'], 'audit log': ['read', 'export'] } },
    manager: {
      inherits: ['accountant', 'auditor'],
      permissions: { reports: ['publish'], users: ['invite', 'remove'] },
    },
  },
};

/** A policy of which a rule was removed since, and to which two rules, a role and users were added. */
export async function shopPage(): Promise<PageData> {
  const kept = linesOf(SHOP).filter((line) => line.join() !== 'p,auditor,audit log,export');
  const added = [
    ['p', 'clerk', 'invoices', 'delete'],
    ['p', 'contractor', 'reports', 'read'],
    ['g', 'contractor', 'viewer'],
    ['g', 'alice', 'clerk'],
    ['g', 'bob', 'auditor'],
    ['g', 'carol', 'manager'],
    ['g', 'dan', 'clerk'],
    ['g', 'eve', 'contractor'],
  ];
  return {
    ...(await pageOf({ policy: SHOP }, stored([...kept, ...added]))),
    readAt: '2026-05-04T09:30:00.000Z',
  };
}

/** The same, with nothing of it changed. */
export async function untouchedShopPage(): Promise<PageData> {
  const data = await pageOf({ policy: SHOP }, stored([...linesOf(SHOP), ['g', 'alice', 'clerk']]));
  return { ...data, readAt: '2026-05-04T09:30:00.000Z' };
}
