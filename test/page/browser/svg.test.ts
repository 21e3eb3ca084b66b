import { expect, test } from 'vitest';
import { domainsModelPath, policyToSvg } from '../../../src/index.ts';
import { chromiumProgram, openPage } from '../../support/chromium.ts';

test.skipIf(chromiumProgram === undefined)(
  'an SVG of a policy is one that a browser reads and draws',
  async () => {
    const rules = [
      ['g', '<clerk> & co', 'viewer'],
      ['p', 'alone', 'x', 'y'],
    ];
    const svg = await policyToSvg({ rules });
    const { page, complaints } = await openPage(`<!doctype html><body>${svg}`);
    const parsed = await page.evaluate(
      `new DOMParser().parseFromString(${JSON.stringify(svg)}, 'image/svg+xml').querySelectorAll('parsererror').length`,
    );
    expect(parsed).toBe(0);
    for (const name of ['<clerk> & co', 'viewer', 'alone']) {
      const box = await page.locator('svg svg text', { hasText: name }).boundingBox();
      expect(box?.width).toBeGreaterThan(10);
    }
    expect(complaints).toEqual([]);
  },
);

test.skipIf(chromiumProgram === undefined)(
  'an SVG of a policy has room for wide names and titles',
  async () => {
    const tenant = '0b9c6f0a-5d1e-4c57-9a43-6f2d8e7b1c90 of a tenant';
    const rules = [
      ['g', 'ROLE_CUSTOMER_SUPPORT_MANAGER', 'АДМИНИСТРАТОР СИСТЕМЫ', tenant],
      ['g', 'АДМИНИСТРАТОР СИСТЕМЫ', 'ROLE_USER', tenant],
    ];
    for (const some of [rules, [['g', 'a', 'b', tenant]]]) {
      const svg = await policyToSvg({ rules: some }, { model: domainsModelPath });
      const { page } = await openPage(`<!doctype html><body>${svg}`);
      expect(await page.locator('.title').textContent()).toBe(`Roles in ${tenant}`);
      const cut = `[...document.querySelectorAll('.title, .node text')].filter((text) => {
      const box = text.getBoundingClientRect();
      const room = (text.parentElement.querySelector(':scope > rect')).getBoundingClientRect();
      return box.left < room.left || box.right > room.right;
    }).map((text) => text.textContent)`;
      expect(await page.evaluate(cut)).toEqual([]);
    }
  },
);
