import { describe, expect, onTestFinished, test } from 'vitest';
import { bootstrapDatabase, servePage } from '../../../src/index.ts';
import { chromiumProgram, openPage } from '../../support/chromium.ts';
import { createDatabase } from '../../support/database.ts';
import { INVOICES } from '../page.fixture.ts';

describe.skipIf(chromiumProgram === undefined)('a served page in a browser', () => {
  test('says that it is live, that the policy has changed since, and shows it then', async () => {
    const database = await createDatabase();
    const options = { policy: INVOICES, seeders: [] };
    await bootstrapDatabase(database.pool(), options);
    const server = await servePage(database.pool(), { ...options, pollIntervalMs: 50 });
    onTestFinished(() => server.close().catch(() => {}));
    const { page, complaints } = await openPage('<!doctype html>');
    await page.goto(server.url);
    await page.getByText('Live: this is the policy as it is now.').waitFor();
    await database
      .pool()
      .query(`insert into casbin (ptype, rule) values ('p', '["viewer", "ledger", "read"]')`);
    await page.getByText('The policy has changed since').waitFor();
    await page.getByRole('link', { name: 'Show it as it is now' }).click();
    await page.getByText('p, viewer, ledger, read').first().waitFor();
    await page.getByText('Live: this is the policy as it is now.').waitFor();
    expect(complaints.filter((line) => !line.startsWith(`request: ${server.url}`))).toEqual([]);
    await server.close();
    await page.getByText('serve does not answer').waitFor();
  });

  test('says at each moment the one thing that is so', async () => {
    const database = await createDatabase();
    const options = { policy: INVOICES, seeders: [] };
    await bootstrapDatabase(database.pool(), options);
    const server = await servePage(database.pool(), { ...options, pollIntervalMs: 50 });
    onTestFinished(() => server.close().catch(() => {}));
    const { page } = await openPage('<!doctype html>');
    await page.goto(server.url);
    const status = page.getByRole('status').first();
    const expectNow = async (text: string, look: string) => {
      await expect.poll(() => status.textContent()).toBe(text);
      expect(await status.getAttribute('class')).toBe(look);
    };
    await expectNow('Live: this is the policy as it is now.', 'live');
    await database.pool().query('alter table casbin rename to elsewhere');
    await expectNow("The policy can't be read at the moment: this page may be out of date.", 'live note odd');
    await database.pool().query('alter table elsewhere rename to casbin');
    await expectNow('Live: this is the policy as it is now.', 'live');
    await database.pool().query('delete from casbin');
    const changed = 'The policy has changed since this page was made. Show it as it is now';
    await expectNow(changed, 'live note odd');
  });
});
