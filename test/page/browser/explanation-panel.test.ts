import { describe, expect, test } from 'vitest';
import { renderPage } from '../../../src/page/render-page.ts';
import { chromiumProgram, openPage } from '../../support/chromium.ts';
import { INVOICES, linesOf, pageOf, stored } from '../page.fixture.ts';
import { shopPage } from '../shop.fixture.ts';

describe.skipIf(chromiumProgram === undefined)('the explanation of a cell', () => {
  test.each([
    {
      cell: 'viewer, invoices read:',
      mark: 'mark direct',
      lines: ['viewer', 'invoices · read', 'Allowed: by a rule for the role itself'],
      details: ['Rule', 'p, viewer, invoices, read', 'Row', '1'],
      command: 'casbin-bootstrap explain viewer invoices read',
    },
    {
      cell: 'manager, audit log export:',
      mark: 'mark missing',
      lines: [
        'manager',
        'audit log · export',
        'Denied: unlike the definition, which allows it through auditor',
      ],
      details: ['Missing rule', 'p, auditor, audit log, export', 'Path of roles', 'manager → auditor'],
      command: "casbin-bootstrap explain manager 'audit log' export",
    },
    {
      cell: 'clerk, invoices delete:',
      mark: 'mark added',
      lines: ['clerk', 'invoices · delete', 'Allowed: unlike the definition, which denies it'],
      details: [
        'Rule',
        'p, clerk, invoices, delete',
        'Row',
        '21',
        'Not in the definition',
        'p, clerk, invoices, delete',
      ],
      command: 'casbin-bootstrap explain clerk invoices delete',
    },
    {
      cell: 'viewer, invoices write:',
      mark: 'mark none',
      lines: ['viewer', 'invoices · write', 'Denied: no rule allows it'],
      details: [],
      command: 'casbin-bootstrap explain viewer invoices write',
    },
  ])('has all that is known of it: $cell', async ({ cell, mark, lines, details, command }) => {
    const { page } = await openPage(await renderPage(await shopPage()));
    await page.getByRole('gridcell', { name: cell }).click();
    const panel = page.locator('.explanation');
    await expect
      .poll(() => panel.locator('h3 > *, .answer').allTextContents())
      .toEqual([...lines.slice(0, 2), ` ${lines[2]}`]);
    expect(await panel.locator('dt, dd').allTextContents()).toEqual([...details, 'To see more', command]);
    expect(await panel.locator('.mark').getAttribute('class')).toBe(mark);
  });

  test('names who added the rule, if that is known', async () => {
    const rule = ['p', 'clerk', 'ledger', 'read'];
    const origin = {
      rule,
      at: new Date('2026-03-01T10:00:00Z'),
      actor: 'jane',
      reason: 'ticket 7',
      role: 'app',
      application: null,
    };
    const live = stored([...linesOf(INVOICES), rule]);
    const data = await pageOf({ policy: INVOICES }, live, ({ values }) =>
      values[1] === 'ledger' ? origin : null,
    );
    const { page } = await openPage(await renderPage(data));
    await page.getByRole('gridcell', { name: 'clerk, ledger read:' }).click();
    await page.getByText('Added by').waitFor();
    expect(await page.locator('.explanation dd bdi').allTextContents()).toEqual([
      'p, clerk, ledger, read — by jane, 2026-03-01 10:00 UTC: ticket 7',
    ]);
  });
});
