import { expect, onTestFinished, test, vi } from 'vitest';
import { bootstrapDatabase, pruneJournal, readJournal } from '../../src/index.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { createDatabase } from '../support/database.ts';

const NO_PROVIDERS: { seeders: []; journal: true } = { seeders: [], journal: true };

test('old entries are pruned, except the newest of them', async () => {
  const database = await createDatabase();
  const pool = database.pool();
  const schema = 'app';
  await bootstrapDatabase(pool, { ...NO_PROVIDERS, schema });
  await pool.query(`update app.casbin_bootstrap_journal set at = at - interval '2 days' where id <= 10`);
  const olderThan = new Date(Date.now() - 24 * 60 * 60 * 1_000);

  expect(await pruneJournal(pool, { olderThan, schema })).toBe(9);
  expect((await readJournal(pool, { schema })).map(({ id }) => id)).toEqual(
    Array.from({ length: 7 }, (_, index) => String(index + 10)),
  );
  expect(await pruneJournal(pool, { olderThan, schema })).toBe(0);
});

test('of old entries, those of the latest transaction stay, also where an earlier one committed later', async () => {
  const pool = (await createBootstrapped(NO_PROVIDERS)).pool();
  await pool.query(`update casbin_bootstrap_journal
    set at = at - interval '2 days', transaction = case when id > 6 then '5'::xid8 else transaction end
    where id <= 10`);
  const olderThan = new Date(Date.now() - 24 * 60 * 60 * 1_000);
  expect(await pruneJournal(pool, { olderThan })).toBe(5);
  expect(await readJournal(pool)).toMatchObject(
    Array.from({ length: 11 }, (_, index) => ({ id: String(index + 6) })),
  );
});

test('nothing is pruned behind an entry that stays, nor a change at that very time', async () => {
  const pool = (await createBootstrapped(NO_PROVIDERS)).pool();
  const olderThan = new Date(Date.now() - 24 * 60 * 60 * 1_000);
  await pool.query(
    `update casbin_bootstrap_journal
      set at = $1::timestamptz + case when id = 6 then '1 hour' when id = 10 then '0' else '-1 day' end::interval`,
    [olderThan],
  );
  expect(await pruneJournal(pool, { olderThan })).toBe(4);
  await pool.query('delete from casbin_bootstrap_journal where id = 6');
  expect(await pruneJournal(pool, { olderThan })).toBe(3);
  expect((await readJournal(pool, { limit: 7 })).map(({ id }) => id)).toEqual(
    Array.from({ length: 7 }, (_, index) => String(index + 10)),
  );
});

test('the last hour is not pruned', async () => {
  const pool = (await createBootstrapped(NO_PROVIDERS)).pool();
  const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000);
  await expect(pruneJournal(pool, { olderThan: minutesAgo(59) })).rejects.toMatchObject({
    problems: [
      {
        at: 'olderThan',
        message: expect.stringMatching(/^must be more than an hour ago: .* Give an earlier time\.$/),
      },
    ],
  });
  expect(await pruneJournal(pool, { olderThan: minutesAgo(61) })).toBe(0);
});

test('the last hour is that of the server, whatever the clock here says', async () => {
  const database = await createDatabase();
  await bootstrapDatabase(database.pool(), NO_PROVIDERS);
  const ahead = Date.now() + 2 * 3_600_000;
  const clock = vi.spyOn(Date, 'now').mockReturnValue(ahead);
  onTestFinished(() => clock.mockRestore());
  expect(await pruneJournal(database.pool(), { olderThan: new Date(ahead - 3_700_000) })).toBe(0);
});
