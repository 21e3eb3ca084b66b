import type { Model } from 'casbin';
import { leadingConjuncts } from '../casbin/matcher.ts';
import { tokensOf } from '../casbin/model.ts';
import { buildHierarchies, type Hierarchy, MAX_INHERITANCE_LINKS } from '../policy/hierarchy.ts';
import { formatValue, type Rule } from '../policy/rule.ts';
import type { Request } from '../verification/requests.ts';

const SHOWN_PATHS = 4;

/** The roles of a request's subject, and of whatever else inherits in this model, a path a line. */
export function describeRoles(model: Model, rules: readonly Rule[], request: Request): string[] {
  const tokens = tokensOf(model, 'r');
  const take = (token: string) => request[tokens.indexOf(token)] ?? '';
  const hierarchies = buildHierarchies(rules);
  return leadingConjuncts(model.model.get('m')?.get('m')?.value ?? '').flatMap((conjunct) => {
    if (conjunct.kind !== 'inherits') return [];
    const domain = conjunct.domain === null ? '' : take(conjunct.domain);
    const within = domain === '' ? '' : ` in ${formatValue(domain)}`;
    const name = take(conjunct.request);
    const hierarchy = hierarchies.find((one) => one.ptype === conjunct.ptype && one.domain === domain);
    const paths = hierarchy === undefined ? [] : listPaths(hierarchy, name);
    if (paths.length === 0) return [`no "${conjunct.ptype}" rule gives ${formatValue(name)} a role${within}`];
    const shown = paths.slice(0, SHOWN_PATHS).map((path) => path.map(formatValue).join(' → ') + within);
    return paths.length > SHOWN_PATHS ? [...shown, '…'] : shown;
  });
}

/** Every way up from a name, as far as Casbin follows it; one more than is shown, at most. */
function listPaths({ parents }: Hierarchy, name: string): string[][] {
  const paths: string[][] = [];
  const climb = (path: string[]) => {
    if (paths.length > SHOWN_PATHS) return;
    const next = (parents.get(path.at(-1) ?? '') ?? []).filter((parent) => !path.includes(parent));
    if (next.length > 0 && path.length <= MAX_INHERITANCE_LINKS) {
      for (const parent of next) climb([...path, parent]);
    } else if (path.length > 1) {
      paths.push(path);
    }
  };
  climb([name]);
  return paths;
}
