import { newModel } from 'casbin';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { renderPage } from '../../../src/page/render-page.ts';
import { modelText } from '../../casbin/models.fixture.ts';
import { chromiumProgram, openPage } from '../../support/chromium.ts';
import { pageOf } from '../page.fixture.ts';
import { shopPage } from '../shop.fixture.ts';

/** So small that neither all rows nor all columns are on the screen. */
const SMALL = { width: 600, height: 900 };

describe.skipIf(chromiumProgram === undefined)('the grid of a page', () => {
  test.each([
    { roles: 8, width: 104, writing: 'horizontal-tb' },
    { roles: 9, width: 34, writing: 'vertical-rl' },
  ])('writes the names of $roles roles as $writing', async ({ roles, width, writing }) => {
    const page = await openGrid(roles, 2);
    const header = page.getByRole('columnheader', { name: 'role 1' });
    expect((await header.boundingBox())?.width).toBe(width);
    expect(await page.evaluate(`getComputedStyle(document.querySelector('.role-name')).writingMode`)).toBe(
      writing,
    );
    const [place, below] = [await header.boundingBox(), await cellAt(page, 'role 1', 0).boundingBox()];
    expect(below).toMatchObject({ x: place?.x, width });
    expect(below?.y).toBeGreaterThanOrEqual((place?.y ?? 0) + (place?.height ?? 0));
  });

  test('marks each state by a shape of its own', async () => {
    const { page } = await openPage(await renderPage(await shopPage()));
    for (const [name, mark] of [
      ['viewer, invoices read', 'mark direct'],
      ['clerk, invoices read', 'mark inherited'],
      ['clerk, invoices delete', 'mark added'],
      ['auditor, audit log export', 'mark missing'],
    ] as const) {
      const cell = page.getByRole('gridcell', { name: `${name}:` });
      expect(await cell.locator('.mark').getAttribute('class')).toBe(mark);
    }
    const denied = page.getByRole('gridcell', { name: 'viewer, invoices write: denied' });
    expect(await denied.locator('.mark').count()).toBe(0);
  });

  test('has names in full, also those that have no room, and tells which roles are not defined', async () => {
    const { page } = await openPage(await renderPage(await shopPage()));
    const added = page.getByRole('columnheader', { name: 'contractor (not defined)' });
    expect(await added.getAttribute('title')).toBe('contractor (not defined)');
    expect(await added.getAttribute('class')).toBe('role-name added');
    const rows = page.getByRole('grid').getByRole('rowheader', { name: 'audit log' });
    expect(await rows.evaluateAll((all) => all.map((one) => one.getAttribute('title')))).toEqual([
      'audit log · read',
      'audit log · export',
    ]);
    const resources = rows.locator('.resource');
    expect(await resources.evaluateAll((all) => all.map((one) => one.getAttribute('class')))).toEqual([
      'resource',
      'resource repeated',
    ]);
  });

  test('shows what nobody is denied, and that anybody may do it', async () => {
    const effect = '!some(where (p.eft == deny))';
    const model = newModel(modelText({ p: 'sub, obj, act, eft', e: effect }));
    const rules = [
      ['p', 'guest', 'news', 'read', 'allow'],
      ['p', 'guest', 'news', 'write', 'deny'],
    ];
    const data = await pageOf({ policy: { rules }, model }, null);
    const { page } = await openPage(await renderPage(data));
    expect(await page.getByRole('columnheader').allTextContents()).toEqual([
      'permission',
      'guest',
      'anybody',
    ]);
    const cells = page.getByRole('gridcell');
    expect(
      await cells.evaluateAll((all) =>
        all.map((one) => [one.getAttribute('aria-label'), one.firstElementChild?.getAttribute('class')]),
      ),
    ).toEqual([
      ['guest, news read: allowed, as no rule denies it', 'mark open'],
      ['anybody, news read: allowed, as no rule denies it', 'mark open'],
      ['guest, news write: denied by a rule', 'mark denied'],
      ['anybody, news write: allowed, as no rule denies it', 'mark open'],
    ]);
    expect(await page.locator('.legend li').allTextContents()).toEqual([
      ' allowed by its own rule',
      ' allowed, inherited',
      ' allowed, as no rule denies it',
      ' denied by a rule',
    ]);
    await cells.nth(1).click();
    const answer = page.locator('.explanation .answer');
    await expect.poll(() => answer.textContent()).toBe(' Allowed: no rule denies it');
    expect(await answer.locator('.mark').getAttribute('class')).toBe('mark open');
    expect(await page.locator('.explanation h3 bdi').first().textContent()).toBe('anybody');
  });

  test('shows the cell to which a key moves, in full', async () => {
    const page = await openGrid(20, 100, SMALL);
    await cellAt(page, 'role 0', 0).focus();
    const keys = ['PageDown', 'PageDown', 'ArrowDown', 'End', 'Control+End', 'PageUp', 'Control+Home'];
    for (const key of [
      ...Array<string>(15).fill('ArrowRight'),
      ...keys,
      ...Array<string>(20).fill('ArrowDown'),
    ]) {
      await page.keyboard.press(key);
      expect(await isFocusedCellShown(page), key).toBe(true);
    }
    for (let column = 0; column < 15; column++) {
      await page.keyboard.press('ArrowRight');
      expect(await isFocusedCellShown(page)).toBe(true);
    }
  });

  test('moves by Page Down to a row that was the last one on the screen, or close to it', async () => {
    const page = await openGrid(3, 100, SMALL);
    await cellAt(page, 'role 0', 0).focus();
    await page.keyboard.press('PageDown');
    const rows = await page.evaluate<number>(`
      (document.querySelector('.grid').clientHeight - document.querySelector('.row.head').offsetHeight) / 32
    `);
    const moved = Number(/resource (\d+)/.exec((await focusedName(page)) ?? '')?.[1]);
    expect(moved).toBeLessThan(rows);
    expect(moved).toBeGreaterThan(rows - 3);
  });

  test('explains a cell by Space as by Enter, and scrolls nothing by that', async () => {
    const page = await openGrid(3, 3, SMALL);
    await cellAt(page, 'role 0', 1).focus();
    for (const [key, role] of [
      [' ', 'role 0'],
      ['Enter', 'role 1'],
    ] as const) {
      const scrolled = await page.evaluate('scrollY');
      await page.keyboard.press(key);
      await expect.poll(() => page.locator('.explanation h3 bdi').first().textContent()).toBe(role);
      expect(await page.evaluate('scrollY')).toBe(scrolled);
      await page.keyboard.press('ArrowRight');
    }
  });

  test('leaves keys to the browser that have Alt or Meta, and keys that it does not know', async () => {
    const page = await openGrid(3, 3);
    await cellAt(page, 'role 0', 0).focus();
    await page.evaluate(
      `addEventListener('keydown', (event) => { globalThis.taken = event.defaultPrevented; })`,
    );
    for (const [key, isTaken] of [
      ['ArrowRight', true],
      ['Alt+ArrowRight', false],
      ['Meta+ArrowRight', false],
      ['f', false],
    ] as const) {
      await page.keyboard.press(key);
      expect(await page.evaluate('taken'), key).toBe(isTaken);
    }
    expect(await focusedName(page)).toMatch(/^role 1, resource 0 read/);
  });

  test('moves from the cell that was clicked', async () => {
    const page = await openGrid(3, 3);
    await cellAt(page, 'role 1', 1).click();
    expect(await focusedName(page)).toMatch(/^role 1, resource 1 read/);
    await page.keyboard.press('ArrowDown');
    expect(await focusedName(page)).toMatch(/^role 1, resource 2 read/);
  });

  test('leaves the focus in a filter that is typed into, and one cell for Tab', async () => {
    const page = await openGrid(12, 30);
    await cellAt(page, 'role 0', 0).focus();
    await page.keyboard.press('Control+End');
    await page.getByLabel('Role', { exact: true }).focus();
    await page.keyboard.type('role 1');
    await expect.poll(() => page.getByRole('status').textContent()).toMatch(/^3 of 12 roles/);
    expect(await page.getByLabel('Role', { exact: true }).inputValue()).toBe('role 1');
    await page.getByLabel('Resource', { exact: true }).fill('resource 1');
    await expect.poll(() => page.getByRole('status').textContent()).toMatch(/11 of 30 permissions$/);
    const stops = page.locator('[role=gridcell][tabindex="0"]');
    expect(await stops.evaluateAll((all) => all.map((one) => one.getAttribute('aria-label')))).toEqual([
      'role 11, resource 19 read: allowed by its own rule',
    ]);
  });

  test('draws what is scrolled to, and more when the screen becomes larger', async () => {
    const page = await openGrid(60, 100, { width: 500, height: 300 });
    await page.evaluate(`document.querySelector('.grid').scrollTo(700, 1000)`);
    await cellAt(page, 'role 25', 35).waitFor();
    expect(await cellAt(page, 'role 0', 1).count()).toBe(0);
    await page.setViewportSize({ width: 1280, height: 900 });
    await expect.poll(() => cellAt(page, 'role 36', 50).count()).toBe(1);
  });

  test('is as large as its cells, if there is room', async () => {
    const page = await openGrid(5, 3);
    const isScrolled = `(({ scrollWidth, clientWidth, scrollHeight, clientHeight }) =>
      scrollWidth > clientWidth || scrollHeight > clientHeight)(document.querySelector('.grid'))`;
    expect(await page.evaluate(isScrolled)).toBe(false);
  });

  test('has room for several cells on a narrow screen', async () => {
    const page = await openGrid(9, 3, { width: 320, height: 600 });
    const widthOf = (selector: string) =>
      page.evaluate<number>(`document.querySelector('${selector}').clientWidth`);
    await expect.poll(() => widthOf('.permission')).toBeLessThan((await widthOf('.grid')) - 3 * 34);
  });
});

/** A page of roles that may read some of the resources. */
async function openGrid(roles: number, resources: number, viewport = { width: 1280, height: 900 }) {
  const rules = Array.from({ length: resources }, (_, resource) =>
    Array.from({ length: roles }, (_, role) => ['p', `role ${role}`, `resource ${resource}`, 'read']),
  ).flat();
  const { page } = await openPage(await renderPage(await pageOf({ policy: { rules } }, null)), { viewport });
  await page.getByRole('grid').waitFor();
  return page;
}

function cellAt(page: Page, role: string, resource: number) {
  return page.getByRole('gridcell', { name: new RegExp(`^${role}, resource ${resource} read:`) });
}

function focusedName(page: Page): Promise<string | null> {
  return page.locator(':focus').getAttribute('aria-label');
}

/** Whether the cell with the focus is on the screen, and on the part of the grid that its headers do not cover. */
function isFocusedCellShown(page: Page): Promise<boolean> {
  return page.evaluate(`(() => {
    const grid = document.querySelector('.grid');
    const { left, top } = grid.getBoundingClientRect();
    const corner = document.querySelector('.corner').getBoundingClientRect();
    const cell = document.activeElement.getBoundingClientRect();
    return document.activeElement.getAttribute('role') === 'gridcell' &&
      Math.abs(corner.left - left) <= 2 && Math.abs(corner.top - top) <= 2 &&
      cell.left >= corner.right - 2 && cell.right <= left + grid.clientWidth + 2 &&
      cell.top >= corner.bottom - 2 && cell.bottom <= top + grid.clientHeight + 2 &&
      cell.top >= 0 && cell.bottom <= innerHeight;
  })()`);
}
