import { newModel } from 'casbin';
import { describe, expect, test } from 'vitest';
import { definePolicy, domainsModelPath, policyToSvg } from '../../src/index.ts';
import { modelText } from '../casbin/models.fixture.ts';

describe('an SVG of a policy', () => {
  test('has each role once, an arrow for each link, and roles that inherit nothing', async () => {
    const svg = await policyToSvg(
      definePolicy({
        roles: {
          viewer: { permissions: { invoices: ['read'] } },
          clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
          auditor: { permissions: { ledger: ['read'] } },
        },
      }),
    );
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="\d+" height="\d+" viewBox=/);
    expect([...svg.matchAll(/<text x="[\d.]+" y="[\d.]+">(.*?)<\/text>/g)].map(([, name]) => name)).toEqual([
      'clerk',
      'viewer',
      'auditor',
    ]);
    expect(titles(svg)).toEqual(['Roles', 'Without inheritance']);
    expect(svg.match(/class="edge /g)).toHaveLength(1);
    expect(svg).not.toMatch(/href|@import|url\((?!#)/);
    expect(svg).not.toMatch(/no roles|not drawn/);
  });

  test('takes names for text', async () => {
    const svg = await policyToSvg({
      rules: [
        ['g', '</style><script>', 'a&b\u0001'],
        ['p', 'a&b\u0001', 'x', 'y'],
      ],
    });
    expect(svg).not.toContain('<script');
    expect(svg).toContain('&lt;/style&gt;&lt;script&gt;');
    expect(svg).toContain('a&amp;b\\u0001');
  });

  test('has a picture for each domain and role definition, below each other, up to 24', async () => {
    const tenants = Array.from({ length: 30 }, (_, n) => `tenant${n}`);
    const roles = {
      viewer: {},
      clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
    } as const;
    const svg = await policyToSvg({ domains: { roles, tenants } }, { model: domainsModelPath });
    expect(titles(svg)).toEqual(tenants.slice(0, 24).map((tenant) => `Roles in ${tenant}`));
    expect(svg).toContain('6 more hierarchies not drawn.');
    const arrows = [...svg.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(arrows).size).toBe(24);
    const parts = partsOf(svg);
    expect(parts).toHaveLength(24 + 24 + 1);
    for (const [index, { bottom }] of parts.entries()) {
      expect(bottom).toBeLessThan(parts[index + 1]?.top ?? Number(/height="(\d+)"/.exec(svg)?.[1]));
    }
    const fewer = { domains: { roles, tenants: tenants.slice(0, 25) } };
    expect(await policyToSvg(fewer, { model: domainsModelPath })).toContain('>1 more hierarchy not drawn.<');
  });

  test('is as wide as its widest picture', async () => {
    const rules = ['a', 'b', 'c', 'd'].map((name, n, names) => ['g', name, names[n + 1] ?? 'e']);
    const alone = ['p', 'alone', 'x', 'y'];
    const svg = await policyToSvg({ rules: [...rules, alone] });
    const [, width] = /<svg [^>]*?width="(\d+)"/.exec(svg) ?? [];
    const [, ofPicture] = /<svg role="img"[^>]*? width="(\d+)"/.exec(svg) ?? [];
    expect(Number(width)).toBe(Number(ofPicture) + 40);
  });

  test('says if there are too many names, or none', async () => {
    const rules = Array.from({ length: 400 }, (_, n) => ['g', `role${n}`, 'base']);
    const most = await policyToSvg({ rules: rules.slice(1) });
    expect(most).not.toContain('too many');
    const svg = await policyToSvg({ rules });
    expect(svg).toMatch(/class="omitted" [^>]*>401 names: too many for a picture\.</);
    expect(svg).not.toContain('class="node');
    const model = newModel(modelText({ r: 'sub', p: 'sub', g: [], m: 'r.sub == p.sub' }));
    expect(await policyToSvg({ rules: [] }, { model })).toMatch(
      /class="omitted" [^>]*>The policy has no roles\.</,
    );
  });
});

function titles(svg: string): string[] {
  return [...svg.matchAll(/<text class="title"[^>]*>(.*?)<\/text>/g)].map(([, title = '']) => title);
}

/** Where each line of text and each picture is, in their order. */
function partsOf(svg: string) {
  const parts = svg.matchAll(
    /<text class="(?:title|omitted)" x="20" y="(\d+)"|<g transform="translate\(20 (\d+)\)"><svg [^>]* height="(\d+)"/g,
  );
  return [...parts].map(([, baseline, top, height]) =>
    baseline === undefined
      ? { top: Number(top), bottom: Number(top) + Number(height) }
      : { top: Number(baseline) - 12, bottom: Number(baseline) + 4 },
  );
}
