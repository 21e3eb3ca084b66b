import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';

const PAGE = 'docs/migration-tools.md';
const BLOCK = /(?:<!-- (?<path>\S+) -->\n)?```(?<language>\w+)\n(?<code>.*?)```/gs;

test('the code on the page of migration tools is the code that the tests of applications/ run', async () => {
  const blocks = [...(await readFile(PAGE, 'utf8')).matchAll(BLOCK)].map(({ groups }) => groups ?? {});
  expect(blocks.length).toBeGreaterThan(5);
  for (const { path = 'a block without a path', code } of blocks) {
    expect(path).toMatch(/^applications\/migration-tools\//);
    expect(code, path).toBe(await readFile(path, 'utf8'));
  }
});

test('each script of the page is run, but for Prisma', async () => {
  const { scripts } = JSON.parse(await readFile('applications/migration-tools/package.json', 'utf8'));
  const tests = await readFile('applications/migration-tools.test.ts', 'utf8');
  const isRun = (name: string) => tests.includes(`npm run ${name}'`);
  expect(Object.keys(scripts).filter((name) => !isRun(name))).toEqual(['migrate:prisma']);
});
