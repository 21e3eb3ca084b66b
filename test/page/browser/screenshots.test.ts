import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import pixelmatch from 'pixelmatch';
import type { Page } from 'playwright-core';
import { PNG } from 'pngjs';
import { describe, expect, test } from 'vitest';
import { renderPage } from '../../../src/page/render-page.ts';
import { chromiumProgram, openPage } from '../../support/chromium.ts';
import { shopPage } from '../shop.fixture.ts';

/** The one that Debian installs with a browser; pictures of text in another one could not be compared. */
const FONT = 'DejaVu Sans';

const LOOK = { deviceScaleFactor: 1, bypassCSP: true, viewport: { width: 1320, height: 1600 } };

/** Of the pixels that may differ, beside those that are smoothed otherwise: in a hundred. */
const TOLERATED = 0.05;

/** The README shows these pictures. To renew one, delete it and run the test, which writes it, twice. */
describe.skipIf(chromiumProgram === undefined)('the page looks as it did', () => {
  test('in light colours: the matrix, with a cell explained', async ({ skip }) => {
    const { page } = await openPage(await renderPage(await shopPage()), { ...LOOK, colorScheme: 'light' });
    skip(!(await useFont(page)), `The font ${FONT} is not installed.`);
    await page.getByRole('gridcell', { name: 'clerk, invoices delete:' }).click();
    await page.mouse.move(0, 0);
    await comparePicture('page-matrix-light.png', await takePicture(page, '.matrix', 24));
  });

  test('in dark colours: the result and the differences', async ({ skip }) => {
    const { page } = await openPage(await renderPage(await shopPage()), { ...LOOK, colorScheme: 'dark' });
    skip(!(await useFont(page)), `The font ${FONT} is not installed.`);
    const clip = { x: 0, y: 0, width: 1320, height: 856 };
    await comparePicture('page-result-dark.png', await page.screenshot({ clip }));
  });

  test('in light colours: the hierarchy', async ({ skip }) => {
    const { page } = await openPage(await renderPage(await shopPage()), { ...LOOK, colorScheme: 'light' });
    skip(!(await useFont(page)), `The font ${FONT} is not installed.`);
    await comparePicture('page-hierarchy-light.png', await takePicture(page, '.picture', 0));
  });
});

/** Whether all text is in the one font now. */
async function useFont(page: Page): Promise<boolean> {
  const content = `* { font-family: "${FONT}" !important; caret-color: transparent; } code { font-family: "${FONT} Mono" !important; }`;
  await page.addStyleTag({ content });
  return page.evaluate<boolean>(`(() => {
    const width = (font) => {
      const context = document.createElement('canvas').getContext('2d');
      context.font = '40px ' + font;
      return context.measureText('Access policy: roles × permissions').width;
    };
    return ['monospace', 'serif'].every((other) => width('"${FONT}", ' + other) === width('"${FONT}"')) &&
      width('"${FONT}", monospace') !== width('monospace');
  })()`);
}

/** A part of the page, with some of what is around it. */
async function takePicture(page: Page, part: string, margin: number): Promise<Buffer> {
  const box = await page.locator(part).boundingBox();
  const { x, y, width, height } = box ?? { x: 0, y: 0, width: 0, height: 0 };
  const clip = { x: x - margin, y: y - margin, width: width + 2 * margin, height: height + 2 * margin };
  return page.screenshot({ clip, fullPage: true });
}

async function comparePicture(name: string, taken: Buffer): Promise<void> {
  const file = fileURLToPath(new URL(`../../../docs/images/${name}`, import.meta.url));
  if (!existsSync(file)) {
    await writeFile(file, taken);
    throw new Error(`${file} was not there, and has been written. Look at it, and run the test again.`);
  }
  const [before, now] = [PNG.sync.read(await readFile(file)), PNG.sync.read(taken)];
  const { width } = before;
  expect(now.width).toBe(width);
  // Another version of the browser may round the height of a part the other way.
  expect(Math.abs(now.height - before.height), 'the difference in height').toBeLessThanOrEqual(1);
  const height = Math.min(now.height, before.height);
  const [first, second] = [before, now].map(({ data }) => data.subarray(0, 4 * width * height)) as [
    Buffer,
    Buffer,
  ];
  const different = pixelmatch(first, second, undefined, width, height, { threshold: 0.2 });
  expect((100 * different) / (width * height), `percent of ${name} that differ`).toBeLessThan(TOLERATED);
}
