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
    const tops = [...svg.matchAll(/translate\(20 (\d+)\)/g)].map(([, y]) => Number(y));
    expect(tops).toEqual([...new Set(tops)].sort((one, other) => one - other));
    expect(Number(/height="(\d+)"/.exec(svg)?.[1])).toBeGreaterThan(tops.at(-1) ?? 0);
  });

  test('is as wide as its widest picture', async () => {
    const rules = ['a', 'b', 'c', 'd'].map((name, n, names) => ['g', name, names[n + 1] ?? 'e']);
    const svg = await policyToSvg({ rules });
    const [, width] = /<svg [^>]*?width="(\d+)"/.exec(svg) ?? [];
    const [, ofPicture] = /<svg role="img"[^>]*? width="(\d+)"/.exec(svg) ?? [];
    expect(Number(width)).toBe(Number(ofPicture) + 40);
  });

  test('says if there are too many names, or none', async () => {
    const rules = Array.from({ length: 400 }, (_, n) => ['g', `role${n}`, 'base']);
    const most = await policyToSvg({ rules: rules.slice(1) });
    expect(most).not.toContain('too many');
    const svg = await policyToSvg({ rules });
    expect(svg).toContain('401 names: too many for a picture.');
    expect(svg).not.toContain('class="node');
    const model = newModel(modelText({ r: 'sub', p: 'sub', g: [], m: 'r.sub == p.sub' }));
    expect(await policyToSvg({ rules: [] }, { model })).toContain('The policy has no roles.');
  });
});

function titles(svg: string): string[] {
  return [...svg.matchAll(/<text class="title"[^>]*>(.*?)<\/text>/g)].map(([, title = '']) => title);
}
