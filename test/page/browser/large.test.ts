import { describe, expect, test } from 'vitest';
import type { PageHierarchy, PageMatrix, PageRole } from '../../../src/page/page-data.ts';
import { renderPage } from '../../../src/page/render-page.ts';
import { chromiumProgram, openPage } from '../../support/chromium.ts';

const ROLES = 100;
const RESOURCES = 250;
const ACTIONS = ['read', 'write', 'delete', 'share'];
const USERS = 10_000;

/** Keeps how many milliseconds it took until the first cell was there. */
const TELL_WHEN_READY = `
  new MutationObserver((_, observer) => {
    if (document.querySelector('[role=gridcell]') === null) return;
    globalThis.readyAfter = performance.now();
    observer.disconnect();
  }).observe(document, { childList: true, subtree: true });
`;

describe.skipIf(chromiumProgram === undefined)('100 roles × 1,000 permissions and 10,000 users', () => {
  test('are a page of which only the part on the screen is in the document', async () => {
    const html = await largePage();
    const { page } = await openPage(html, { initScript: TELL_WHEN_READY });
    await page.getByRole('gridcell').first().waitFor();
    const ready = await page.evaluate<number>('readyAfter');
    const nodes = await page.evaluate<number>(`document.querySelectorAll('.explorer *').length`);
    const all = await page.evaluate<number>(`document.querySelectorAll('*').length`);
    console.info(
      `${(html.length / 1e6).toFixed(1)} MB, ${nodes} nodes of the matrix, ${all} in all, ready after ${Math.round(ready)} ms`,
    );
    // A cell of its own for each of 100,000 would take a browser seconds.
    expect(nodes).toBeLessThan(2_000);
    expect(all).toBeLessThan(30_000);
    expect(html.length).toBeLessThan(6e6);
  });

  test('are reached by keys and by scrolling, with the focus kept', async () => {
    const { page } = await openPage(await largePage());
    const first = page.getByRole('gridcell').first();
    await first.focus();
    await page.keyboard.press('Control+End');
    await expect
      .poll(() => page.locator(':focus').getAttribute('aria-label'))
      .toMatch(/^role 99, resource 249 share: /);
    await page.evaluate(`document.querySelector('[role=grid]').scrollTo(0, 0)`);
    await page.getByRole('gridcell', { name: 'role 0, resource 0 read:' }).waitFor({ state: 'attached' });
    expect(await page.locator(':focus').getAttribute('aria-label')).toMatch(/^role 99, resource 249 share: /);
  });

  test('are filtered by a user, and a few names are proposed', async () => {
    const { page } = await openPage(await largePage());
    await page.getByLabel('Resource', { exact: true }).fill('resource 1');
    await expect
      .poll(() => page.getByRole('status').textContent())
      .toBe('100 roles × 444 of 1,000 permissions');
    await page.getByLabel('Resource', { exact: true }).fill('');
    await page.getByLabel('User').fill('user 99');
    expect(await page.locator('#users option').count()).toBe(20);
    await page.getByLabel('User').fill('user 9999');
    await expect
      .poll(() => page.getByRole('status').textContent())
      .toMatch(/^\d of 100 roles × 1,000 permissions$/);
  });

  test('show without JavaScript what is left out', async () => {
    const { page } = await openPage(await largePage(), { javaScriptEnabled: false });
    expect(await page.locator('.roles .note').textContent()).toContain('left out of this list');
    expect(await page.locator('.roles .entry').count()).toBe(2_500);
    expect(await page.getByText('permissions not listed here').count()).toBeGreaterThan(0);
  });
});

let made: Promise<string> | undefined;

function largePage(): Promise<string> {
  made ??= renderPage({
    readAt: '2026-05-04T09:30:00.000Z',
    source: { kind: 'database', database: 'large', table: 'casbin', rules: ROLES * 500 + USERS },
    versions: null,
    verification: null,
    warnings: [],
    matrix: largeMatrix(),
    holders: new Map(),
    hierarchies: [largeHierarchy()],
    omitted: { roles: 0, permissions: 0, users: 0, hierarchies: 0 },
    notes: [],
  });
  return made;
}

/** Half of all cells are allowed: a third of these by rules of the role, the others inherited from the one before. */
function largeMatrix(): PageMatrix {
  const permissions = Array.from({ length: RESOURCES }, (_, n) =>
    ACTIONS.map((action) => [`resource ${n}`, action]),
  ).flat();
  const numbers = [...permissions.keys()];
  const roles = Array.from({ length: ROLES }, (_, role): PageRole => {
    const at = numbers.filter((n) => (n + role) % 2 === 0);
    return {
      name: `role ${role}`,
      kind: 'defined',
      cells: {
        at,
        states: at.map((n) => (n % 3 === 0 ? 'd' : 'i')).join(''),
        rules: at,
        routes: at.map((n) => (n % 3 === 0 ? 2 * role : 2 * role + 1)),
      },
    };
  });
  return {
    subject: 'sub',
    subjectAt: 0,
    tokens: ['obj', 'act'],
    domainAt: -1,
    permissions,
    roles,
    rules: permissions.map((one, id) => ({ text: `p, role, ${one.join(', ')}`, id, state: 'defined' })),
    routes: roles.flatMap(({ name }, n) => [
      { path: [name], ids: [], added: [], error: null },
      { path: [name, `role ${Math.max(0, n - 1)}`], ids: [n], added: [], error: null },
    ]),
    granted: {},
    unlisted: 'deny',
    isCompared: true,
    users: Array.from({ length: USERS }, (_, n) => ({ name: `user ${n}`, grants: [(n * 31) % ROLES] })),
    grants: roles.map(({ name }, n) => ({ role: name, domain: null, roles: [n, Math.max(0, n - 1)] })),
  };
}

function largeHierarchy(): PageHierarchy {
  const numbers = Array.from({ length: ROLES }, (_, n) => n);
  return {
    ptype: 'g',
    domain: '',
    nodes: numbers.map((n) => ({ name: `role ${n}`, state: 'defined', users: USERS / ROLES })),
    edges: numbers.slice(10).map((n) => ({ child: n, parent: n - 10, state: 'defined' })),
  };
}
