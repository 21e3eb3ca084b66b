import { expect, test } from 'vitest';
import { policyToSvg } from '../../../src/index.ts';
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
