import { expect } from 'vitest';
import { type BootstrapOptions, bootstrapDatabase, definePolicy } from '../../src/index.ts';

export const POLICY = definePolicy({
  roles: {
    viewer: { permissions: { invoices: ['read'] } },
    clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
  },
});

/** The SQL run by itself must leave nothing for a bootstrap. */
export async function expectComplete(
  pool: Parameters<typeof bootstrapDatabase>[0],
  options: BootstrapOptions,
) {
  const report = await bootstrapDatabase(pool, options);
  expect(report).toMatchObject({
    changed: false,
    migrations: [],
    takeover: null,
    verification: { ok: true },
  });
}
