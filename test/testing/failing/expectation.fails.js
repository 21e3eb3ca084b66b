import { createTestDatabase } from 'casbin-bootstrap/testing';
import 'casbin-bootstrap/testing/vitest';
import { expect, test } from 'vitest';

const { enforcer } = await createTestDatabase();

test('an administrator does not write', async () => {
  await enforcer.addRoleForUser('alice', 'admin');
  await expect(enforcer).toDeny('alice', 'accounts', 'write');
});
