import { expect, test } from 'vitest';
import { bootstrapDatabase, createEnforcer, VerificationError, verifyDatabase } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';

const MUST_LOAD = { verify: { stockLoadable: true } };

test("a name that only the stock adapter can't load does not stop a start, and is reported with its row", async () => {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool);
  const enforcer = await createEnforcer(pool);
  await enforcer.addNamedGroupingPolicy('g', 'smile :)', 'user');

  const { changed, verification } = await bootstrapDatabase(pool);

  expect({ changed, ok: verification.ok }).toEqual({ changed: false, ok: true });
  expect(verification.integrity).toMatchObject([
    { severity: 'warning', ids: [17], rule: ['g', 'smile :)', 'user'] },
  ]);
  expect(verification.integrity[0]?.message).toContain('"g, smile :), user"');
  await expect(bootstrapDatabase(pool, MUST_LOAD)).rejects.toThrow(VerificationError);
  await expect(verifyDatabase(pool, MUST_LOAD)).resolves.toMatchObject({
    ok: false,
    integrity: [{ severity: 'failure', ids: [17] }],
  });
});

test('stockLoadable looks at each rule of a large table too', async () => {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool);
  await pool.query(`
    insert into casbin (ptype, rule)
    select 'g', jsonb_build_array('user ' || n || case n when 1500 then '(' else '' end, 'user')
    from generate_series(1, 2000) n`);
  await expect(verifyDatabase(pool)).resolves.toMatchObject({ ok: true, integrity: [] });
  await expect(verifyDatabase(pool, MUST_LOAD)).resolves.toMatchObject({
    ok: false,
    integrity: [{ severity: 'failure', ids: [1516] }],
  });
});
