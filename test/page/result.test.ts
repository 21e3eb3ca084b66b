import { describe, expect, test } from 'vitest';
import { withoutUsers } from '../../src/page/collect-page.ts';
import type { PageData, PageRole } from '../../src/page/page-data.ts';
import { renderDifferences, renderOmissions, renderResult } from '../../src/page/render-result.ts';
import { renderRoles } from '../../src/page/render-roles.ts';
import type { VerificationReport } from '../../src/verification-report.ts';
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
    const { text } = renderResult(await shopPage());
    expect(text).toContain('class="verdict bad">The database does not decide as defined<');
    expect(text, 'of a tile with nothing more to tell').not.toContain('<small></small>');
    expect(tilesIn(text)).toEqual([
      ['plain', '90 decisions verified 39 allowed'],
      ['bad', '3 failures'],
      ['odd', '3 beyond the definition'],
      ['plain', '28 rules stored 5 users'],
    ]);
  });

  test('is good where there is nothing to tell', async () => {
    const { text } = renderResult(await pageOf({ policy: INVOICES }, stored(linesOf(INVOICES))));
    expect(tilesIn(text).slice(1)).toEqual([
      ['good', '0 failures'],
      ['good', '0 beyond the definition'],
      ['plain', '3 rules stored'],
    ]);
  });

  test('counts what is wrong with stored rules, and what the report does not list', async () => {
    const page = await verifiedPage({
      ok: false,
      failures: [],
      drift: [],
      omitted: { failures: 2, drift: 1 },
      integrity: [
        { severity: 'failure', ids: [8], rule: ['p', 'x'], message: 'too short' },
        { severity: 'warning', ids: [9], rule: ['q', 'x'], message: 'unknown' },
      ],
    });
    expect(tilesIn(renderResult(page).text).slice(1, 3)).toEqual([
      ['bad', '3 failures'],
      ['odd', '1 beyond the definition'],
    ]);
    const one = { ...page, matrix: { ...page.matrix, users: page.matrix.users.slice(0, 1) } };
    const large = {
      ...page.verification,
      checks: 12_345,
      allowed: 2_345,
      omitted: { failures: 0, drift: 0 },
    };
    expect(tilesIn(renderResult({ ...one, verification: large as VerificationReport }).text)).toEqual([
      ['plain', '12,345 decisions verified 2,345 allowed'],
      ['bad', '1 failures'],
      ['good', '0 beyond the definition'],
      ['plain', '28 rules stored 1 user'],
    ]);
    expect(textOf(renderDifferences(page)?.text ?? '')).toBe(
      'Difference from the definition Faults of stored rules 1 p, x row 8 — too short' +
        ' More failures 1 2 findings more, not listed. More drift 1 1 finding more, not listed.' +
        ' Warnings about stored rules 1 q, x row 9 — unknown',
    );
    const more = await verifiedPage({
      ok: true,
      failures: [],
      drift: [],
      omitted: { failures: 0, drift: 1 },
    });
    expect(renderResult(more).text).toContain('and has more than that');
  });

  test('has the numbers of a definition without a database', async () => {
    const page = await pageOf({ policy: INVOICES }, null);
    const { text } = renderResult({ ...page, source: { kind: 'definition', rules: 3 } });
    expect(text).toContain('class="verdict plain">The policy as it is defined, without a database<');
    expect(tilesIn(text)).toEqual([
      ['plain', '3 rules'],
      ['plain', '2 roles'],
      ['plain', '2 permissions'],
    ]);
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
    expect(text, 'of the others').toContain('by rules that are not defined 1 "clerk, invoices, delete"');
  });

  test('are in red where something defined is not so, or rules are at fault', async () => {
    const { verification } = await shopPage();
    const [finding] = verification?.drift ?? [];
    const [failure] = verification?.failures ?? [];
    if (finding === undefined || failure === undefined) throw new Error('nothing was changed');
    const fault = { ids: [], rule: ['p', 'x'], message: 'too short' } as const;
    const rule = ['p', 'a', 'b', 'c'];
    const page = await verifiedPage({
      failures: (['missing-rule', 'decision', 'never'] as const).map((kind) => ({ ...failure, kind })),
      drift: [
        { ...finding, request: ['a', 'b', 'c'] },
        { ...finding, request: [], rule, ids: [] },
      ],
      integrity: (['failure', 'warning'] as const).map((severity) => ({ ...fault, severity })),
      omitted: { failures: 1, drift: 1 },
      keptAway: [{ rule, because: 'revoked', actor: null, reason: null, at: null }],
      left: [rule],
    });
    const { text = '' } = renderDifferences(page) ?? {};
    expect(text, 'without rows').not.toContain('<small>row');
    expect([...text.matchAll(/finding (\w+)"><h3>(.*?) <span/g)].map(([, ...found]) => found)).toEqual([
      ['bad', 'Defined, and not stored'],
      ['bad', 'Not decided as defined'],
      ['bad', 'Allowed, and must never be'],
      ['bad', 'Faults of stored rules'],
      ['bad', 'More failures'],
      ['odd', 'Decided differently than defined, by rules that are not defined'],
      ['odd', 'Stored, and not defined'],
      ['odd', 'More drift'],
      ['odd', 'Defined, and kept away'],
      ['odd', 'Retired or renamed, and still stored'],
      ['odd', 'Warnings about stored rules'],
    ]);
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
      ['g2', 'bob', 'intern'],
      ['p', 'intern', 'notes', 'read'],
    ];
    const data = { ...page, verification: { ...page.verification, left, leftOmitted: 3 } };
    const { text = '' } = renderDifferences(data) ?? {};
    expect(textOf(text)).toContain('Retired or renamed, and still stored 4 g, ann, ');
    expect(textOf(text)).toContain('p, intern, notes, read 3 findings more, not listed.');
    expect(text).not.toContain('<b>');
    const many = await verifiedPage({ left: Array.from({ length: 1_450 }, () => ['p', 'a', 'b', 'c']) });
    expect(renderDifferences(many)?.text).toContain('<li>1,250 more, not shown here.</li>');
    expect(withoutUsers(data).verification).toMatchObject({
      left: [['p', 'intern', 'notes', 'read']],
      leftOmitted: 5,
    });
  });

  test('name no user in what is wrong with a stored link, where users are not to be named', async () => {
    const links = [
      ['g', 'Doe, John', 'clerk'],
      ['g', 'clerk', 'a,b'],
      ['p', 'x,y', 'a'],
    ];
    const page = await pageOf({ policy: INVOICES }, stored([...linesOf(INVOICES), ...links]));
    expect(textOf(renderDifferences(page)?.text ?? '')).toContain('Doe, John');
    const text = textOf(renderDifferences(withoutUsers(page))?.text ?? '');
    expect(text).not.toContain('Doe');
    expect(text).toMatch(
      /g row \d+ — Something is wrong with this link: casbin-bootstrap verify tells what\./,
    );
    expect(text, 'a rule').toContain('p, "x,y", a row 6 —');
    expect(text, 'a role').toMatch(/about stored rules .*clerk, "a,b"/);
    expect(JSON.stringify(withoutUsers(page).verification?.integrity)).not.toContain('Doe');
  });

  test('have nothing about users who are not to be named', async () => {
    const page = await shopPage();
    const { matrix, omitted } = withoutUsers({ ...page, omitted: { ...page.omitted, users: 9 } });
    expect(matrix).toMatchObject({ users: [], grants: [], granted: {} });
    expect(omitted.users).toBe(0);
  });

  test('tell how many users have what was added', async () => {
    const tell = async (holders: object | null) => {
      const { verification } = await shopPage();
      const finding = verification?.drift.find(({ rule, request }) => rule !== null && request.length === 0);
      if (finding === undefined) throw new Error('nothing was added');
      const drift = [{ ...finding, ids: [7], holders: holders as typeof finding.holders }];
      const page = await verifiedPage({ ok: true, failures: [], drift });
      return textOf(renderDifferences(page)?.text ?? '').replace(/.* row 7/, 'row 7');
    };
    expect(await tell({ names: ['eve', 'bob'], count: 3, more: false })).toBe(
      'row 7 — who has it: eve , bob and 1 more'.replace('eve ,', 'eve,'),
    );
    expect(await tell({ names: ['eve'], count: 1_235, more: true })).toBe(
      'row 7 — who has it: eve and at least 1,234 more',
    );
    expect(await tell({ names: ['eve'], count: 1, more: false })).toBe('row 7 — who has it: eve');
    expect(await tell({ names: [], count: 2, more: true })).toBe('row 7 — at least 2 users with it');
    expect(await tell({ names: [], count: 2, more: false })).toBe('row 7 — 2 users with it');
    expect(await tell({ names: [], count: 0, more: false })).toBe('row 7');
    expect(await tell(null)).toBe('row 7');
  });

  test('have no rule that has vanished, and a missing one without its rule by its message', async () => {
    const { verification } = await shopPage();
    const [finding] = verification?.drift ?? [];
    const [failure] = verification?.failures ?? [];
    if (finding === undefined || failure === undefined) throw new Error('nothing was changed');
    const page = await verifiedPage({
      failures: [{ ...failure, kind: 'missing-rule', rule: null, message: 'All of them.' }],
      drift: [{ ...finding, request: [], added: [], message: 'It has vanished.' }],
    });
    expect(textOf(renderDifferences(page)?.text ?? '')).toBe(
      'Difference from the definition Defined, and not stored 1 All of them.',
    );
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
    const most = await pageOf({ policy: INVOICES }, stored([...linesOf(INVOICES), ...added.slice(50)]));
    expect(renderDifferences(most)?.text).not.toContain('not shown here');
    const one = await pageOf({ policy: INVOICES }, stored([...linesOf(INVOICES), ...added.slice(49)]));
    expect(renderDifferences(one)?.text).toContain('<li>1 more, not shown here.</li>');
  });
});

/** A page with another result of its verification. */
async function verifiedPage(result: Partial<VerificationReport>): Promise<PageData> {
  const page = await shopPage();
  if (page.verification === null) throw new Error('nothing was verified');
  return { ...page, verification: { ...page.verification, ...result } };
}

/** The mood and the text of each tile. */
function tilesIn(html: string): string[][] {
  return [...html.matchAll(/<li class="tile (\w+)">(.*?)<\/li>/g)].map(([, mood = '', text = '']) => [
    mood,
    textOf(text),
  ]);
}

test('a page says what it leaves out, and nothing if it has everything', async () => {
  const page = await pageOf({ policy: INVOICES }, null);
  expect(renderOmissions(page)).toBeNull();
  const lacking: PageData = { ...page, omitted: { roles: 1, permissions: 2, users: 1, hierarchies: 3 } };
  expect(textOf(renderOmissions(lacking)?.text ?? '')).toBe(
    'The policy is large. Left out of this page: 1 role, 2 permissions, 1 user, 3 pictures of hierarchies.',
  );
  const omitted = { roles: 2, permissions: 1, users: 0, hierarchies: 1 };
  const { text } = renderOmissions({ ...page, omitted, notes: ['It is <odd>.'] }) ?? {};
  expect(text).toBe(
    '<p class="note">It is &lt;odd&gt;.</p>' +
      '<p class="note">The policy is large. Left out of this page: 2 roles, 1 permission, 1 picture of a hierarchy.</p>',
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
    expect(text).toContain('manager 1 user Inherits from accountant, auditor.');
  });

  test('have each kind of permission, and what anybody may do', async () => {
    const page = await pageOf({ policy: INVOICES }, null);
    const cells = (states: string, route: number) => ({
      at: [...states].map((_, index) => index),
      states,
      rules: [...states].map(() => -1),
      routes: [...states].map(() => route),
    });
    const roles: PageRole[] = [
      { name: 'clerk', kind: 'defined', cells: cells('diox', 0) },
      { name: 'pattern', kind: 'defined', cells: cells('i', -1) },
      { name: '', kind: 'everybody', cells: cells('e', -1) },
    ];
    const permissions = ['read', 'write', 'send', 'delete'].map((action) => ['t1', 'invoices', action]);
    const routes = [{ path: ['clerk', 'editor', 'viewer'], ids: [], added: [], error: null }];
    const inTenant = { ptype: 'g', domain: 't1' } as const;
    const [hierarchy] = page.hierarchies;
    if (hierarchy === undefined) throw new Error('there is no hierarchy');
    const { text } = renderRoles({
      ...page,
      matrix: { ...page.matrix, roles, permissions, routes },
      hierarchies: [{ ...hierarchy, ...inTenant }],
    });
    expect(textOf(text)).toBe(
      'Role by role clerk Inherits from viewer in t1.' +
        ' t1, invoices read write from viewer send no rule denies it delete denied by a rule' +
        ' pattern t1, invoices read by a rule for others too' +
        ' Anybody, without any role t1, invoices read Casbin throws',
    );
  });

  test('are listed up to 2,500 permissions, then without what they inherit', async () => {
    const resources = Array.from({ length: 1_300 }, (_, n) => `resource ${n}`);
    const permissions = Object.fromEntries(resources.map((resource) => [resource, ['read']]));
    const roles = {
      viewer: { permissions },
      clerk: { inherits: ['viewer'] },
      auditor: { permissions },
      editor: { permissions },
    };
    const { text } = renderRoles(await pageOf({ policy: { roles } }, null));
    expect(textOf(text)).toContain('There are many: what a role inherits is left out');
    expect(text.match(/class="entry/g)).toHaveLength(2_500);
    const [, viewer = '', auditor = '', editor = '', clerk = ''] = text
      .split('<section class="role">')
      .map(textOf);
    expect(viewer).not.toContain('not listed here');
    expect(clerk).toBe('clerk Inherits from viewer. No permissions of its own.');
    expect(auditor).toMatch(/^auditor resource 0 read .* 100 permissions not listed here\.$/);
    expect(editor).toBe('editor 1,300 permissions not listed here.');
    const few = { viewer: roles.viewer, clerk: { inherits: ['viewer'] } };
    const most = Object.fromEntries(resources.slice(0, 1_250).map((resource) => [resource, ['read']]));
    const all = renderRoles(
      await pageOf({ policy: { roles: { ...few, viewer: { permissions: most } } } }, null),
    );
    expect(all.text.match(/class="entry/g)).toHaveLength(2_500);
    expect(all.text).not.toContain('There are many');
  });

  test('are told to be allowed what no rule denies', async () => {
    const page = await pageOf({ policy: INVOICES }, null);
    const told = 'What no rule denies is allowed, and not listed.';
    expect(renderRoles(page).text).not.toContain(told);
    const { text } = renderRoles({ ...page, matrix: { ...page.matrix, unlisted: 'allow' } });
    expect(textOf(text)).toContain(`Role by role ${told}`);
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
