import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { onTestFinished } from 'vitest';
import { createFolder } from './folder.ts';

const PLACES = ['chromium', '/usr/bin/chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** The program; undefined where it is not installed. */
export const chromiumProgram = [process.env.CHROMIUM_PATH ?? '', ...PLACES].find(
  (place) => place !== '' && spawnSync(place, ['--version'], { stdio: 'ignore' }).status === 0,
);

if (chromiumProgram === undefined) {
  console.warn(
    'Tests of the page are skipped: there is no Chromium. Install it, or name it by CHROMIUM_PATH.',
  );
}

interface OpenedPage {
  readonly page: Page;
  /** What the browser has complained about, and what the page has asked of the network. */
  readonly complaints: string[];
}

/** Opens HTML in a page that no other test has meanwhile. */
export async function openPage(
  html: string,
  { initScript, ...options }: BrowserContextOptions & { readonly initScript?: string } = {},
): Promise<OpenedPage> {
  const file = join(await createFolder(), 'page.html');
  await writeFile(file, html);
  const page = await (initScript === undefined ? lendPage(file, options) : newPage(options, initScript));
  const complaints: string[] = [];
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (request.url() !== pathToFileURL(file).href) complaints.push(`request: ${request.url()}`);
  });
  await page.goto(pathToFileURL(file).href);
  return { page, complaints };
}

/** Empty pages, by the options of their contexts: to make one takes five times as long as to open a file in it. */
const idle = new Map<string, Page[]>();

/**
 * A page, which another test may get when this one ends. It is emptied by a file, as `about:blank` has another process.
 */
async function lendPage(
  file: string,
  { viewport = VIEWPORT, colorScheme = 'light', ...options }: BrowserContextOptions,
): Promise<Page> {
  const key = JSON.stringify(options);
  const pages = idle.get(key) ?? [];
  idle.set(key, pages);
  const page = pages.pop() ?? (await newPage(options));
  onTestFinished(async () => {
    page.removeAllListeners();
    await page.mouse.move(0, 0);
    await writeFile(file, '');
    await page.goto(pathToFileURL(file).href);
    pages.push(page);
  });
  await page.setViewportSize(viewport ?? VIEWPORT);
  await page.emulateMedia({ media: null, colorScheme });
  return page;
}

const VIEWPORT = { width: 1280, height: 900 };

async function newPage(options: BrowserContextOptions, initScript?: string): Promise<Page> {
  browser ??= launch();
  const context = await (await browser).newContext({ viewport: VIEWPORT, ...options });
  if (initScript !== undefined) {
    onTestFinished(() => context.close());
    await context.addInitScript(initScript);
  }
  return context.newPage();
}

/** One for all files of a worker, with which it ends. */
let browser: Promise<Browser> | undefined;

async function launch(): Promise<Browser> {
  if (chromiumProgram === undefined) throw new Error('Chromium is not installed.');
  // Without its sandbox, which a container does not let it make; the pages are our own.
  return chromium.launch({ executablePath: whereIs(chromiumProgram), args: ['--no-sandbox'] });
}

/** The driver wants a path. */
function whereIs(program: string): string {
  if (program.includes('/')) return program;
  return spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program], { encoding: 'utf8' }).stdout.trim();
}
