import { expect, test } from 'vitest';
import { renderVersions } from '../../src/page/render-page.ts';
import { INVOICES, linesOf, pageOf, stored } from './page.fixture.ts';

const POLICY = {
  ...INVOICES,
  version: 4,
  renamed: { roles: { '<i>old</i>': 'clerk' } },
  retired: {
    roles: { intern: { reassign: 'viewer' }, auditor: {} },
    rules: [['p', 'clerk', 'notes', 'read']],
  },
};

function textOf(markup: { readonly text: string } | null): string {
  return (markup?.text ?? '').replace(/<[^>]*>/g, '').replace(/\s+/g, ' ');
}

test('the version of a page is shown with what it renames and retires, and names are escaped', async () => {
  const live = stored(linesOf(INVOICES));
  const markup = renderVersions(await pageOf({ policy: POLICY }, live, undefined, 3));
  expect(textOf(markup)).toBe(
    'Version 4 Version 4 of the definition; the database was bootstrapped with version 3.' +
      '&lt;i&gt;old&lt;/i&gt; is now clerkintern is retired; its users get viewerauditor is retired' +
      'p, clerk, notes, read is retired',
  );
  expect(markup?.text).not.toContain('<i>');
});

test('a database with this version, or without one, is distinguished from others', async () => {
  const policy = { ...INVOICES, version: 4 };
  const live = stored(linesOf(INVOICES));
  const of = async (newest: number | null) =>
    textOf(renderVersions(await pageOf({ policy }, live, undefined, newest)));
  expect(await of(4)).toContain('; the database was bootstrapped with it.');
  expect(await of(null)).toContain('; the database was bootstrapped with none yet.');
  const retired = { ...policy, retired: { roles: { intern: {} } } };
  expect(renderVersions(await pageOf({ policy: retired }, null))?.text).toContain('<ul><li>');
  expect(renderVersions(await pageOf({ policy }, null))?.text).not.toContain('<ul>');
  expect(textOf(renderVersions(await pageOf({ policy }, null)))).toBe(
    'Version 4 Version 4 of the definition.',
  );
});

test('a page of a definition without a version says nothing of versions', async () => {
  expect(renderVersions(await pageOf({ policy: INVOICES }, null))).toBeNull();
});
