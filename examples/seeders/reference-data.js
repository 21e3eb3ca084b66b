// Rows without which the application can't start. A seeder inserts those that are missing, and changes none.
import { rowSeeder } from 'casbin-bootstrap';

/** System roles, as the application shows them. Who may do what is the policy's business. */
export const roles = rowSeeder({
  name: 'roles',
  table: 'app_role',
  key: 'name',
  rows: [
    { name: 'readonly', title: 'May look' },
    { name: 'user', title: 'May look and change' },
    { name: 'admin', title: 'May manage users' },
  ],
});

/** Default configuration. An administrator's value stays. */
export const settings = rowSeeder({
  name: 'settings',
  table: 'setting',
  key: 'key',
  rows: [
    { key: 'session', value: { minutes: 30, renew: true } },
    { key: 'languages', value: ['en', 'de'] },
  ],
});

/** Lookup data. */
export const currencies = rowSeeder({
  name: 'currencies',
  table: 'currency',
  key: 'code',
  rows: [
    { code: 'EUR', decimals: 2 },
    { code: 'JPY', decimals: 0 },
  ],
});

/** A table that must have its one row. */
export const installation = rowSeeder({
  name: 'installation',
  table: 'installation',
  key: 'id',
  rows: [{ id: 1, name: 'New' }],
});
