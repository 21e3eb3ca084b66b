const { createTestDatabase } = require('casbin-bootstrap/testing');
const { policyTests } = require('casbin-bootstrap/testing/jest');

const policy = {
  roles: { viewer: { permissions: { invoices: ['read'] } } },
  allow: [['viewer', 'invoices', 'read']],
};

policyTests(policy);

test('in CommonJS, with the global expect', async () => {
  const database = await createTestDatabase({ policy });
  await expect(database.enforcer).toAllow('viewer', 'invoices', 'read');
  await database.end();
}, 60_000);
