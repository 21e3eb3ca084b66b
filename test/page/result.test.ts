import { describe, expect, test } from 'vitest';
import { withoutUsers } from '../../src/page/collect-page.ts';
import type { PageData } from '../../src/page/page-data.ts';
import { renderDifferences, renderOmissions, renderResult } from '../../src/page/render-result.ts';
import { renderRoles } from '../../src/page/render-roles.ts';
import { INVOICES, linesOf, pageOf, stored } from './page.fixture.ts';
import { shopPage } from './shop.fixture.ts';

describe('the result of a page', () => {
  test.each([
    ['decides as defined', [], 'verdict good', 'The database decides as defined<'],
    ['has more', [['p', 'viewer', 'x', 'read']], 'verdict odd', 'and has more than that<'],
  ])('tells that the database %s', async (_, added, mood, verdict) => {
    const { text } = renderResult(
      await pageOf({ policy: INVOICES }, stored([...linesOf(INVOICES), ...added])),
    );
    expect(text).toContain(mood);
    expect(text).toContain(verdict);
  });

  test('shows that it does not, with the numbers of failures and drift', async () => {
    const text = textOf(renderResult(await shopPage()).text);
    expect(text).toContain('The database does not decide as defined');
    expect(text).toContain('3 failures');
    expect(text).toContain('3 beyond the definition');
    expect(text).toContain('28 rules stored 5 users');
  });

  test('shows what is not proved', async () => {
    const { text } = renderResult(await pageOf({ policy: { rules: [['g', 'a', 'b']] } }, null));
    expect(text).toContain('class="note odd"');
  });
});

describe('the differences of a page', () => {
  test('are rules that are missing, decisions, and rules that were added, with rows and who has them', async () => {
    const text = textOf(renderDifferences(await shopPage())?.text ?? '');
    expect(text).toContain('Defined, and not stored 1 p, auditor, audit log, export');
    expect(text).toMatch(/Not decided as defined 2 .*manager, audit log, export/);
    expect(text).toContain('Stored, and not defined 2 p, contractor, reports, read row 22 — who has it: eve');
  });

  test('name the rules that stay away, with who revoked them', async () => {
    const page = await shopPage();
    if (page.verification === null) throw new Error('it was verified');
    const away = {
      rule: ['p', 'clerk', '<b>invoices</b>', 'send'],
      because: 'revoked',
      actor: 'root',
      reason: 'ticket <7>',
      at: new Date('2026-03-01T10:00:00Z'),
    } as const;
    const verification = { ...page.verification, keptAway: [away] };
    const { text = '' } = renderDifferences({ ...page, verification }) ?? {};
    expect(textOf(text)).toContain('Defined, and kept away 1 p, clerk, ');
    expect(text).toContain('revoked by root on 2026-03-01: ticket &lt;7&gt;');
    expect(text).not.toContain('<b>');
  });

  test('list rules that are retired and still stored', async () => {
    const page = await pageOf({ policy: INVOICES }, stored(linesOf(INVOICES)));
    if (page.verification === null) throw new Error('nothing was verified');
    const left = [
      ['g', 'ann', 'in<b>tern'],
      ['p', 'intern', 'notes', 'read'],
    ];
    const data = { ...page, verification: { ...page.verification, left, leftOmitted: 3 } };
    const { text = '' } = renderDifferences(data) ?? {};
    expect(textOf(text)).toContain('Retired, and still stored 3 g, ann, ');
    expect(textOf(text)).toContain('p, intern, notes, read 3 findings more, not listed.');
    expect(text).not.toContain('<b>');
    expect(withoutUsers(data).verification).toMatchObject({
      left: [['p', 'intern', 'notes', 'read']],
      leftOmitted: 4,
    });
  });

  test('name no user in what is wrong with a stored link, where users are not to be named', async () => {
    const links = [
      ['g', 'Doe, John', 'clerk'],
      ['g', 'clerk', 'a,b'],
    ];
    const page = await pageOf({ policy: INVOICES }, stored([...linesOf(INVOICES), ...links]));
    expect(textOf(renderDifferences(page)?.text ?? '')).toContain('Doe, John');
    const text = textOf(renderDifferences(withoutUsers(page))?.text ?? '');
    expect(text).not.toContain('Doe');
    expect(text).toMatch(
      /Something is wrong with a stored link, row \d+: casbin-bootstrap verify tells what\./,
    );
    expect(text, 'a role').toContain('clerk, "a,b"');
  });

  test('are left out if there are none', async () => {
    expect(renderDifferences(await pageOf({ policy: INVOICES }, stored(linesOf(INVOICES))))).toBeNull();
    expect(renderDifferences(await pageOf({ policy: INVOICES }, null))).toBeNull();
  });

  test('name promises that are broken, and faults of stored rules', async () => {
    const policy = { ...INVOICES, never: [['viewer', 'invoices', 'write']] };
    const live = [...linesOf(INVOICES), ['p', 'viewer', 'invoices', 'write'], ['p', 'viewer', 'invoices']];
    const text = textOf(renderDifferences(await pageOf({ policy }, stored(live)))?.text ?? '');
    expect(text).toContain('Allowed, and must never be 1');
    expect(text).toMatch(/(Faults of|Warnings about) stored rules 1/);
  });

  test('are the first 200 of a kind, and a number', async () => {
    const added = Array.from({ length: 250 }, (_, n) => ['p', 'viewer', `resource ${n}`, 'read']);
    const page = await pageOf({ policy: INVOICES }, stored([...linesOf(INVOICES), ...added]));
    const text = textOf(renderDifferences(page)?.text ?? '');
    expect(text).toContain('50 more, not shown here.');
    expect(text).toContain('resource 199');
    expect(text).not.toContain('resource 200');
  });
});

test('a page says what it leaves out, and nothing if it has everything', async () => {
  const page = await pageOf({ policy: INVOICES }, null);
  expect(renderOmissions(page)).toBeNull();
  const lacking: PageData = { ...page, omitted: { roles: 1, permissions: 2, users: 0, hierarchies: 3 } };
  expect(textOf(renderOmissions(lacking)?.text ?? '')).toBe(
    'The policy is large. Left out of this page: 1 role, 2 permissions, 3 pictures of hierarchies.',
  );
});

describe('the roles of a page, one by one', () => {
  test('have what they inherit, and from where, their own permissions, and their users', async () => {
    const text = textOf(renderRoles(await shopPage()).text);
    expect(text).toContain(
      'clerk 2 users Inherits from viewer. invoices read from viewer write send delete not defined customers read from viewer write',
    );
    expect(text).toContain('contractor not defined 1 user Inherits from viewer (not defined).');
    expect(text).toContain('audit log read export missing');
  });

  test('are none in an empty policy', async () => {
    const text = textOf(renderRoles(await pageOf({ policy: null }, stored([]))).text);
    expect(text).toContain('The policy has no roles.');
  });
});

function textOf(html: string): string {
  return html
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+(?=[.,])/g, '')
    .replaceAll(/\s+/g, ' ')
    .replaceAll('&quot;', '"')
    .trim();
}
