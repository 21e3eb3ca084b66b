import type { StoredRule } from '../../src/casbin/rule-row.ts';
import { definePolicy } from '../../src/index.ts';
import { completeOptions } from '../../src/options/resolve.ts';
import type { BootstrapOptions } from '../../src/options.ts';
import { collectPage } from '../../src/page/collect-page.ts';
import { CELL_STATES, type PageData, type PageMatrix } from '../../src/page/page-data.ts';
import { compilePolicy } from '../../src/policy/compile.ts';
import { toRule } from '../../src/policy/rule.ts';
import type { FindOrigin } from '../../src/running/rule-origins.ts';
import { holdersAmong } from '../../src/verification/drift.ts';
import { verifyPolicy } from '../../src/verification/verify-policy.ts';
import { STOCK_TABLE } from '../verification/verify.fixture.ts';

export const INVOICES = definePolicy({
  roles: {
    viewer: { permissions: { invoices: ['read'] } },
    clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
  },
});

/** The rules of a definition as they are stored, with ids from 1 on. */
export function stored(lines: readonly (readonly string[])[]): StoredRule[] {
  return lines.map((line, index) => ({ ...toRule(line), id: index + 1 }));
}

export function linesOf(policy: Parameters<typeof compilePolicy>[0]): string[][] {
  return compilePolicy(policy).map(({ ptype, values }) => [ptype, ...values]);
}

/** What a page shows of a definition, and of what is stored; without the latter, of the definition alone. */
export async function pageOf(
  options: BootstrapOptions,
  live: StoredRule[] | null,
  findOrigin: FindOrigin = () => null,
  newestVersion: number | null = null,
): Promise<PageData> {
  const resolved = await completeOptions(options, []);
  if (live === null) return collectPage(resolved, { kind: 'definition', rules: 0 }, null);
  const source = { kind: 'database', database: 'shop', table: 'casbin', rules: live.length } as const;
  const findHolders = holdersAmong(resolved.model, live);
  const promises = await resolved.promises.decide();
  const given = { ...resolved, ...promises, reach: resolved.promises.reach, live, findHolders };
  const verification = await verifyPolicy({
    ...given,
    scope: 'whole',
    strict: false,
    ruleTable: STOCK_TABLE,
  });
  return collectPage(resolved, source, { rules: live, verification, findOrigin, newestVersion });
}

/**
 * Each listed cell as a line: `clerk, invoices, read: inherited by "p, viewer, invoices, read" (1) via clerk → viewer
 * (3)`.
 */
export function cellLines({ roles, permissions, rules, routes }: PageMatrix): string[] {
  return roles.flatMap(({ name, cells }) =>
    cells.at.map((at, index) => {
      const rule = rules[cells.rules[index] ?? -1];
      const route = routes[cells.routes[index] ?? -1];
      const state = CELL_STATES[cells.states[index] as keyof typeof CELL_STATES];
      const by = rule === undefined ? '' : ` by "${rule.text}" (${rule.id})`;
      const via = (route?.path.length ?? 0) > 1 ? ` via ${route?.path.join(' → ')} (${route?.ids})` : '';
      return `${name}, ${permissions[at]?.join(', ')}: ${state}${by}${via}`;
    }),
  );
}
