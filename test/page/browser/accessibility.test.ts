import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { domainsModelPath } from '../../../src/index.ts';
import { renderPage } from '../../../src/page/render-page.ts';
import { chromiumProgram, openPage } from '../../support/chromium.ts';
import { pageOf } from '../page.fixture.ts';
import { shopPage, untouchedShopPage } from '../shop.fixture.ts';

describe.skipIf(chromiumProgram === undefined)('axe finds nothing wrong', () => {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`with the page in ${colorScheme} colours`, async () => {
      const { page } = await openPage(await renderPage(await shopPage()), { colorScheme, bypassCSP: true });
      await page.getByRole('gridcell', { name: 'clerk, invoices delete:' }).click();
      await page.locator('summary').click();
      expect(await findViolations(page)).toEqual([]);
    });

    test(`with the page of an unchanged database in ${colorScheme} colours`, async () => {
      const { page } = await openPage(await renderPage(await untouchedShopPage()), {
        colorScheme,
        bypassCSP: true,
      });
      await page.getByLabel('Role', { exact: true }).fill('nobody has this name');
      expect(await findViolations(page)).toEqual([]);
    });

    test(`with the page on a narrow screen in ${colorScheme} colours`, async () => {
      const viewport = { width: 360, height: 700 };
      const { page } = await openPage(await renderPage(await shopPage()), {
        colorScheme,
        viewport,
        bypassCSP: true,
      });
      await page.getByRole('gridcell').first().click();
      expect(await findViolations(page)).toEqual([]);
    });
  }
});

test.skipIf(chromiumProgram === undefined)(
  'the screen of a phone is not scrolled sideways, but the grid',
  async () => {
    const { page } = await openPage(await renderPage(await shopPage()), {
      viewport: { width: 360, height: 700 },
      isMobile: true,
    });
    await page.getByRole('grid').waitFor();
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
  },
);

test.skipIf(chromiumProgram === undefined)(
  'long names do not make the page wider than the screen',
  async () => {
    const long = (name: string) => name.repeat(40);
    const policy = {
      rules: [
        ['p', long('clerk'), long('bank'), long('ledger'), long('read')],
        ['g', long('head'), long('clerk'), long('bank')],
      ],
    };
    const data = await pageOf({ policy, model: domainsModelPath }, null);
    const source = { kind: 'database', database: long('name'), table: long('table'), rules: 1 } as const;
    for (const width of [360, 1280]) {
      const { page } = await openPage(await renderPage({ ...data, source, notes: [long('note')] }), {
        viewport: { width, height: 700 },
      });
      await page.locator('summary').click();
      await page.getByRole('gridcell', { name: /inherited/ }).click();
      await page.getByText('inherited from').waitFor();
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
    }
  },
);

/** Each violation with the elements concerned, for a failure to tell them. */
async function findViolations(page: Page): Promise<string[]> {
  // By the driver: the page's own policy would not let it in.
  await page.evaluate(axe.source);
  return page.evaluate(`
    axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
      violations.flatMap(({ id, nodes }) => nodes.map(({ html, any }) => id + ': ' + html + ' ' + any.map((one) => one.message))))
  `);
}
