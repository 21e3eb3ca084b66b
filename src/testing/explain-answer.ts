import { inspect } from 'node:util';
import type { Enforcer, Model } from 'casbin';
import { leadingConjuncts } from '../casbin/matcher.ts';
import { tokensOf } from '../casbin/model.ts';
import type { Request } from '../policy/definition.ts';
import { buildHierarchies, type Hierarchy, MAX_INHERITANCE_LINKS } from '../policy/hierarchy.ts';
import { formatRule, formatValue, type Rule } from '../policy/rule.ts';
import { RuleSet } from '../policy/rule-set.ts';
import type { Decision } from '../report.ts';
import { shorten } from '../text.ts';
import { PAST } from '../verification/decide.ts';
import { explainer } from '../verification/explain.ts';
import { describeMiss, findClosestRules, findUnknownValues } from './closest-rules.ts';

/** A label and the lines beside it. */
type Section = readonly [label: string, lines: readonly string[]];

/**
 * Why an enforcer answered as it did: the request, the answer, the rule that decided and the path of roles to it.
 * For a denial by no rule: the subject's roles, and the rules that come closest to allowing it.
 */
export async function explainAnswer(
  enforcer: Enforcer,
  request: readonly (string | object)[],
  answer: Decision,
): Promise<string> {
  const tokens = tokensOf(enforcer.getModel(), 'r');
  const named = tokens.map((token, index) => `${token} = ${formatArgument(request[index])}`);
  const sections: Section[] = [
    ['request', [named.join(', ')]],
    ...(await explainDecision(enforcer, request, answer)),
  ];
  return `"${formatRequest(request)}" is ${PAST[answer]}\n\n${renderSections(sections)}\n`;
}

async function explainDecision(
  enforcer: Enforcer,
  request: readonly (string | object)[],
  answer: Decision,
): Promise<Section[]> {
  const model = enforcer.getModel();
  const matcher = model.model.get('m')?.get('m')?.value ?? '';
  const explained: unknown = await enforcer.enforceEx(...request);
  // A disabled enforcer answers with true alone.
  if (!Array.isArray(explained)) return [['answer', ['allowed: the enforcer is disabled']]];
  const [allowed, values]: [boolean, string[]] = [explained[0], explained[1]];
  if (allowed !== (answer === 'allow')) {
    return [['answer', [`${PAST[answer]} by enforce(), unlike enforceEx(): it is cached, or overridden`]]];
  }
  // Casbin names the first rule then, although it did not decide.
  if (!matcher.includes('p_'))
    return [['answer', [`${PAST[answer]} by the matcher alone, which uses no rule`]]];

  const rules = readRules(model);
  const texts = request.map((value) => (typeof value === 'string' ? value : formatArgument(value)));
  if (values.length > 0) return explainByRule(model, rules, texts, answer, values);
  if (answer === 'allow') return [['answer', ['allowed: no rule denies it']]];
  return explainDenial(model, rules, texts);
}

function explainByRule(
  model: Model,
  rules: readonly Rule[],
  request: Request,
  answer: Decision,
  values: readonly string[],
): Section[] {
  const explain = explainer(model, rules, new RuleSet(rules));
  const { rolePath } = explain(request, { allowed: answer === 'allow', rule: values, error: null });
  return [
    ['answer', [`${PAST[answer]} by the rule "${formatRule({ ptype: 'p', values })}"`]],
    ['roles', rolePath.length > 1 ? [rolePath.map(formatArgument).join(' → ')] : []],
  ];
}

async function explainDenial(model: Model, rules: readonly Rule[], request: Request): Promise<Section[]> {
  const closest = await findClosestRules(model, rules, request);
  return [
    ['answer', ['denied: no rule allows it']],
    ['roles', describeRoles(model, rules, request)],
    ['closest', closest.map(describeMiss)],
    ['unknown', findUnknownValues(model, rules, request)],
  ];
}

function readRules(model: Model): Rule[] {
  return ['p', 'g'].flatMap((section) =>
    [...(model.model.get(section) ?? [])].flatMap(([ptype, { policy }]) =>
      policy.map((values) => ({ ptype, values })),
    ),
  );
}

function renderSections(sections: readonly Section[]): string {
  return sections
    .flatMap(([label, lines]) =>
      lines.map((line, index) => `  ${(index === 0 ? label : '').padEnd(9)}${line}`),
    )
    .join('\n');
}

const SHOWN_PATHS = 4;

/** The roles of a request's subject, and of whatever else inherits in this model, a path a line. */
function describeRoles(model: Model, rules: readonly Rule[], request: Request): string[] {
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

/** A request as a person reads it in a message: `user, accounts, read`. */
export function formatRequest(request: readonly unknown[]): string {
  return request.map(formatArgument).join(', ');
}

/** One value of a request, which may be an object with attributes. */
function formatArgument(value: unknown): string {
  if (typeof value === 'string') return formatValue(value);
  return shorten(inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY }));
}
