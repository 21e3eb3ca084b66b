import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import * as library from '../../src/index.ts';
import { bootstrapEntries } from '../../src/options/shape.ts';

const [, options = '', functions = ''] = (await readFile('docs/reference.md', 'utf8')).split(/^## .*$/m);

/** A bootstrap knows these names only to say that they belong into `verify`. */
const OF_VERIFY = ['full', 'stockLoadable', 'strict'];

test('docs/reference.md has every option of a bootstrap, and no other', () => {
  const listed = Array.from(options.matchAll(/^\| `(\w+)`/gm), ([, name]) => name);
  const known = Object.keys(bootstrapEntries).filter((name) => !OF_VERIFY.includes(name));
  expect(listed.sort()).toEqual(known.sort());
});

test('docs/reference.md has every exported function', () => {
  const exported = Object.entries(library).filter(([name, value]) => {
    return typeof value === 'function' && /^[a-z]/.test(name);
  });
  const missing = exported.filter(([name]) => !functions.includes(`\`${name}(`));
  expect(missing.map(([name]) => name)).toEqual([]);
});
