import { newModel } from 'casbin';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { type BootstrapOptions, domainsModelPath } from '../../../src/index.ts';
import { renderPage } from '../../../src/page/render-page.ts';
import { modelText } from '../../casbin/models.fixture.ts';
import { chromiumProgram, openPage } from '../../support/chromium.ts';
import { INVOICES, linesOf, pageOf, stored } from '../page.fixture.ts';
import { shopPage } from '../shop.fixture.ts';

const openShop = async (options = {}) => openPage(await renderPage(await shopPage()), options);

describe.skipIf(chromiumProgram === undefined)('the page in a browser', () => {
  test('loads nothing, and has nothing to complain about', async () => {
    const { page, complaints } = await openShop();
    await page.getByRole('grid').waitFor();
    expect(complaints).toEqual([]);
  });

  test('filters by role, resource, action and what is shown, and says how much that is', async () => {
    const { page } = await openShop();
    const status = page.getByRole('status');
    await expect.poll(() => status.textContent()).toBe('6 roles × 15 permissions');
    await page.getByLabel('Role', { exact: true }).fill('a');
    await expect.poll(() => status.textContent()).toBe('4 of 6 roles × 15 permissions');
    await page.getByLabel('Resource', { exact: true }).selectOption('invoices');
    await page.getByLabel('Action', { exact: true }).selectOption('delete');
    await expect.poll(() => status.textContent()).toBe('4 of 6 roles × 1 of 15 permissions');
    const shown = ['Role', 'Resource', 'Action'].map((label) => page.getByLabel(label, { exact: true }));
    expect(await Promise.all(shown.map((field) => field.inputValue()))).toEqual(['a', 'invoices', 'delete']);
    await page.getByLabel('Resource', { exact: true }).selectOption('users');
    await expect
      .poll(() => page.locator('.pane').textContent())
      .toBe('No permission matches these filters. Show everything');
    await page.getByRole('button', { name: 'Reset' }).click();
    await page.getByLabel('Show', { exact: true }).selectOption('differences only');
    await expect.poll(() => status.textContent()).toBe('4 of 6 roles × 5 of 15 permissions');
    expect(await cellTexts(page)).toContain('clerk, invoices delete: allowed, but not by the definition');
    expect(await cellTexts(page)).toContain(
      'manager, audit log export: denied, but allowed by the definition',
    );
  });

  test('filters by part of a value of which there are many', async () => {
    const rules = Array.from({ length: 20 }, (_, n) => ['p', 'clerk', `resource ${n}`, 'read']);
    const { page } = await openPage(await renderPage(await pageOf({ policy: { rules } }, null)));
    const resource = page.getByLabel('Resource', { exact: true });
    expect(await resource.getAttribute('type')).toBe('search');
    await resource.fill('E 1');
    await expect.poll(() => page.getByRole('status').textContent()).toBe('1 role × 11 of 20 permissions');
    await page.getByRole('button', { name: 'Reset' }).click();
    expect(await resource.inputValue()).toBe('');
    const fewer = await openPage(
      await renderPage(await pageOf({ policy: { rules: rules.slice(0, 12) } }, null)),
    );
    await fewer.page.getByLabel('Resource', { exact: true }).selectOption('resource 11');
  });

  test('explains the marks that its cells have, and those that a difference would have', async () => {
    const own = ['allowed by its own rule', 'allowed, inherited'];
    const different = ['allowed, but not by the definition', 'denied, but allowed by the definition'];
    const legendOf = async ({ page }: { page: Page }) => {
      await page.getByRole('grid').waitFor();
      const texts = await page.locator('.legend li').allTextContents();
      return texts.map((text) => text.trim());
    };
    expect(await legendOf(await openShop())).toEqual([...own, ...different, 'no mark: denied']);
    const options: BootstrapOptions = {
      model: newModel(
        modelText({ m: 'isOpen(r.obj) && g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act' }),
      ),
      policy: { rules: ['x', 'y'].map((resource) => ['p', 'a', resource, 'read']) },
      configureEnforcer: (enforcer) => {
        enforcer.addFunction('isOpen', (resource: string) => {
          if (resource === 'x') throw new Error('it is gone');
          return true;
        });
      },
    };
    const { page } = await openPage(await renderPage(await pageOf(options, null)));
    expect(await legendOf({ page })).toEqual([...own, 'Casbin throws', 'no mark: denied']);
    expect(await cellTexts(page)).toContain('a, x read: Casbin throws');
  });

  test('filters by what is allowed', async () => {
    const { page } = await openShop();
    await page.getByLabel('Show', { exact: true }).selectOption('what is allowed');
    await page.getByLabel('Role', { exact: true }).fill('viewer');
    await expect
      .poll(() => page.getByRole('status').textContent())
      .toBe('1 of 6 roles × 3 of 15 permissions');
  });

  test('says that nothing differs, and how much one of each is', async () => {
    const rules = [['p', 'clerk', 'invoices', 'read']];
    const html = await renderPage(await pageOf({ policy: { rules } }, stored(rules)));
    const { page, complaints } = await openPage(html);
    expect(await page.getByRole('status').textContent()).toBe('1 role × 1 permission');
    // A form with one field of text is sent by Enter, if nothing prevents that.
    await page.getByLabel('Role', { exact: true }).press('Enter');
    expect(complaints).toEqual([]);
    await page.getByLabel('Show', { exact: true }).selectOption('differences only');
    await expect
      .poll(() => page.locator('.pane').textContent())
      .toBe('Nothing here differs from the definition. Show everything');
  });

  test('filters by user, and proposes names', async () => {
    const { page } = await openShop();
    await page.getByLabel('User', { exact: true }).fill('ca');
    expect(
      await page.locator('#users option').evaluateAll((all) => all.map((one) => one.getAttribute('value'))),
    ).toEqual(['carol']);
    await expect
      .poll(() => page.locator('.panes').textContent())
      .toContain('No user on this page has this name.');
    await page.getByLabel('User', { exact: true }).fill('dan');
    await expect.poll(() => page.getByRole('status').textContent()).toBe('2 of 6 roles × 15 permissions');
    await page.getByLabel('Role', { exact: true }).fill('manager');
    await expect
      .poll(() => page.locator('.pane').textContent())
      .toBe('No permission matches these filters. Show everything');
    await page.getByLabel('User', { exact: true }).fill('nobody');
    await page.getByRole('button', { name: 'Show everything' }).click();
    await expect.poll(() => page.getByRole('status').textContent()).toBe('6 roles × 15 permissions');
  });

  test('shows for a user only what the roles of this user allow where they are held', async () => {
    const rules = ['acme', 'globex'].map((tenant) => ['p', 'clerk', tenant, 'invoices', 'read']);
    const options = { policy: { rules }, model: domainsModelPath };
    const live = stored([...rules, ['g', 'alice', 'clerk', 'acme']]);
    const { page } = await openPage(await renderPage(await pageOf(options, live)));
    expect(await page.getByLabel('Domain', { exact: true }).locator('option').allTextContents()).toEqual([
      'any',
      'acme',
      'globex',
    ]);
    await page.getByLabel('User', { exact: true }).fill('alice');
    await expect
      .poll(() => cellTexts(page))
      .toEqual([
        'clerk, acme invoices read: allowed by its own rule',
        'clerk, globex invoices read: role not held here',
      ]);
    expect(await page.locator('.cell .mark').count()).toBe(1);
    const row = page.getByRole('rowheader').first();
    expect(await row.locator('bdi').allTextContents()).toEqual(['acme · invoices', 'read']);
    expect(await row.getAttribute('title')).toBe('acme · invoices · read');
  });

  test('explains the cell that is clicked, in a live region', async () => {
    const { page } = await openShop();
    await page.getByRole('gridcell', { name: 'manager, invoices send:' }).click();
    const panel = page.getByRole('complementary', { name: 'Why' });
    expect(await panel.getAttribute('aria-live')).toBe('polite');
    await expect.poll(() => panel.textContent()).toMatch(/Allowed: inherited from clerk/);
    expect(await panel.textContent()).toMatch(/p, clerk, invoices, send/);
    expect(await panel.textContent()).toMatch(/manager → accountant → clerk/);
    expect(await panel.textContent()).toMatch(/Rows5, \d+, \d+/);
    await page.getByRole('gridcell', { name: 'contractor, reports read:' }).click();
    await expect.poll(() => panel.textContent()).toMatch(/Not in the definitiong, contractor, viewer/);
  });

  test('is one stop for Tab, and all of its cells are reached by keys', async () => {
    const { page } = await openShop();
    await page.getByRole('grid').waitFor();
    expect(await page.locator('[role=gridcell][tabindex="0"]').count()).toBe(1);
    await page.getByRole('button', { name: 'Reset' }).focus();
    await page.keyboard.press('Tab');
    expect(await focused(page)).toBe('viewer, invoices read: allowed by its own rule');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowRight');
    expect(await focused(page)).toBe('clerk, invoices write: allowed by its own rule');
    await page.keyboard.press('End');
    expect(await focused(page)).toBe('contractor, invoices write: denied');
    await page.keyboard.press('Control+End');
    expect(await focused(page)).toBe('contractor, users remove: denied');
    await page.keyboard.press('Control+Home');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.locator('.explanation h3').textContent()).toMatch(/viewerinvoices · read/);
    expect(await page.locator('[role=gridcell][aria-selected=true]').getAttribute('aria-label')).toMatch(
      /^viewer/,
    );
    await page.keyboard.press('Tab');
    expect(await focused(page)).not.toMatch(/invoices read/);
  });

  test('says where each row, column and cell of the grid is', async () => {
    const { page } = await openShop();
    const grid = page.getByRole('grid', { name: 'Roles × permissions' });
    expect(await grid.getAttribute('aria-rowcount')).toBe('16');
    expect(await grid.getAttribute('aria-colcount')).toBe('7');
    const cell = page.getByRole('gridcell', { name: 'clerk, invoices write:' });
    expect(await cell.getAttribute('aria-colindex')).toBe('3');
    expect(await cell.locator('..').getAttribute('aria-rowindex')).toBe('3');
    expect(await page.getByRole('columnheader').allTextContents()).toContain('clerk');
    expect(await grid.getByRole('rowheader').count()).toBe(15);
  });

  test('has its essentials without JavaScript', async () => {
    const { page } = await openShop({ javaScriptEnabled: false });
    const text = await page.locator('main').textContent();
    expect(text).toContain('The database does not decide as defined');
    expect(text).toContain('p, auditor, audit log, export');
    expect(text).toContain('p, contractor, reports, read');
    expect(text).toContain('The matrix with its filters needs JavaScript');
    const clerk = page.locator('.role', { has: page.getByRole('heading', { name: /^clerk/ }) });
    expect(await clerk.textContent()).toMatch(/Inherits from viewer\./);
    expect(await clerk.textContent()).toMatch(/invoicesread from viewer write send delete not defined/);
    expect(await page.locator('svg .node').count()).toBe(6);
  });

  test('prints the roles one by one, and not the part of the matrix that is on the screen', async () => {
    const { page } = await openShop();
    await page.emulateMedia({ media: 'print' });
    expect(await page.getByRole('grid').isVisible()).toBe(false);
    expect(await page.getByRole('heading', { name: /^manager/ }).isVisible()).toBe(true);
  });

  test('shows an action in full beside a resource that has no room', async () => {
    const policy = { rules: [['p', 'clerk', 'a resource with a name that is much too long', 'approve']] };
    const { page } = await openPage(await renderPage(await pageOf({ policy }, null)));
    const isCut = (element: string) => `(() => {
      const { scrollWidth, clientWidth } = document.querySelector('${element}');
      return scrollWidth > clientWidth;
    })()`;
    await page.getByRole('grid').waitFor();
    expect(await page.evaluate(isCut('.permission .resource'))).toBe(true);
    expect(await page.evaluate(isCut('.permission .action'))).toBe(false);
  });

  test('says so where there is nothing to show', async () => {
    const { page } = await openPage(await renderPage(await pageOf({ policy: null }, stored([]))));
    expect(await page.locator('#explorer').textContent()).toContain('There is nothing to show');
    expect(await page.locator('main').textContent()).toContain('No role inherits from another.');
  });

  test('shows a definition without a database', async () => {
    const { page } = await openPage(await renderPage(await pageOf({ policy: INVOICES }, null)));
    await page.getByRole('grid').waitFor();
    expect(await page.locator('.verdict').textContent()).toBe(
      'The policy as it is defined, without a database',
    );
    expect(await page.getByLabel('User', { exact: true }).count()).toBe(0);
    expect(await page.locator('option', { hasText: 'differences only' }).count()).toBe(0);
  });
});

describe.skipIf(chromiumProgram === undefined)('names of a policy are data', () => {
  const HOSTILE = [
    '</script><img src=x onerror=alert(1)>',
    '<!--<script>alert(1)</script>',
    '"><svg onload=alert(1)>',
    "' onfocus='alert(1)",
    '</style></title></svg><b>',
    'a\u202egnp.exe',
    '__proto__',
  ];

  test('wherever they are shown', async () => {
    const added = HOSTILE.flatMap((name) => [
      ['p', name, name, name],
      ['p', `other ${name}`, name, name],
      ['g', `heir of ${name}`, name],
      ['g', `user ${name}`, `heir of ${name}`],
    ]);
    const data = await pageOf({ policy: INVOICES }, stored([...linesOf(INVOICES), ...added]));
    const source = { kind: 'database', database: HOSTILE[0] ?? '', table: 'casbin', rules: 1 } as const;
    const { page, complaints } = await openPage(await renderPage({ ...data, source }));
    await page.getByRole('grid').waitFor();
    await page.getByLabel('User', { exact: true }).fill('user');
    await page.getByLabel('User', { exact: true }).fill(`user ${HOSTILE[0]}`);
    const cell = page.getByRole('gridcell').first();
    await cell.click();
    await expect.poll(() => page.locator('.explanation h3').textContent()).toContain(HOSTILE[0]);
    expect(await page.locator('img, b, main svg svg').count()).toBe(0);
    expect(await page.locator('script').count()).toBe(2);
    expect(await page.title()).toContain(HOSTILE[0]);
    expect(await page.locator('.roles').textContent()).toContain(HOSTILE[0]);
    expect(complaints).toEqual([]);
  });

  test('and a script that got in would not run', async () => {
    const html = await renderPage(await shopPage());
    const { page, complaints } = await openPage(
      html.replace('<main>', '<main><script>document.title = "run"</script>'),
    );
    expect(await page.title()).toBe('Access policy of shop');
    expect(complaints.join()).toContain('Content Security Policy');
  });
});

function cellTexts(page: Page): Promise<(string | null)[]> {
  return page
    .getByRole('gridcell')
    .evaluateAll((cells) => cells.map((cell) => cell.getAttribute('aria-label')));
}

function focused(page: Page): Promise<string | null> {
  return page.locator(':focus').getAttribute('aria-label');
}
