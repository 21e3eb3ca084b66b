import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { renderPage } from '../../../src/page/render-page.ts';
import { INVOICES, pageOf } from '../page.fixture.ts';
import { shopPage } from '../shop.fixture.ts';

test('a page allows only its own script and style, and sends nothing to anybody', async () => {
  const html = await renderPage(await shopPage());
  const hashOf = (text = '') => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  const [, style] = /<style>(.*?)<\/style>/s.exec(html) ?? [];
  const [, script] = /<script >(.*?)<\/script>/s.exec(html) ?? [];
  const [, policy] = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html) ?? [];
  expect(policy?.replaceAll('&#39;', "'")).toBe(
    `default-src 'none'; script-src ${hashOf(script)}; style-src ${hashOf(style)}; base-uri 'none'; form-action 'none'`,
  );
  expect(html).toContain('<meta name="referrer" content="no-referrer">');
  expect(html.slice(0, 1024)).toContain('<meta charset="utf-8">');
});

test('a page names its source, whose name is text', async () => {
  const shop = await shopPage();
  const source = { kind: 'database', database: '<b>shop</b>', table: 'auth.casbin', rules: 28 } as const;
  const html = await renderPage({ ...shop, source });
  expect(html).toContain('<title>Access policy of &lt;b&gt;shop&lt;/b&gt;</title>');
  expect(html).toContain('<h1>Access policy of &lt;b&gt;shop&lt;/b&gt;</h1>');
  expect(html).not.toContain('<b>shop');
  expect(html).toContain(
    '<p class="source">Database &lt;b&gt;shop&lt;/b&gt;, table auth.casbin, read on 2026-05-04 09:30 UTC</p>',
  );
  const definition = await pageOf({ policy: INVOICES }, null);
  expect(await renderPage({ ...definition, readAt: shop.readAt })).toContain(
    '<p class="source">The definition, read on 2026-05-04 09:30 UTC</p>',
  );
});

test('a page has every name as text, also in the data for its script', async () => {
  const name = '</script><img src=x onerror=alert(1)>';
  const policy = { roles: { [name]: { permissions: { [name]: ['read'] } }, clerk: { inherits: [name] } } };
  const html = await renderPage(await pageOf({ policy }, null));
  expect(html).not.toContain('<img');
  const [, data = ''] = /id="data">(.*?)<\/script>/s.exec(html) ?? [];
  expect(JSON.parse(data)).toMatchObject({
    roles: [{ name }, { name: 'clerk' }],
    permissions: [[name, 'read']],
  });
});

test('a page shows each hierarchy, and what it leaves out', async () => {
  const shop = await shopPage();
  const [hierarchy] = shop.hierarchies;
  if (hierarchy === undefined) throw new Error('there is no hierarchy');
  const hierarchies = [hierarchy, { ...hierarchy, domain: 't1' }];
  const html = await renderPage({ ...shop, hierarchies, notes: ['Something is left out.'] });
  expect(html).toContain('<h3>Roles</h3>');
  expect(html).toContain('<h3>Roles in t1</h3>');
  expect(html).toContain('<p class="note">Something is left out.</p>');
  expect(await renderPage({ ...shop, hierarchies: [] })).toContain('No role inherits from another.');
});
