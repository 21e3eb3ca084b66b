import type { Enforcer, Model } from 'casbin';
import { tokensOf } from '../casbin/model.ts';
import { formatRule, type Rule } from '../policy/rule.ts';
import { RuleSet } from '../policy/rule-set.ts';
import { explainer } from '../verification/explain.ts';
import type { Decision } from '../verification/report.ts';
import type { Request } from '../verification/requests.ts';
import { describeMiss, findClosestRules } from './closest-rules.ts';
import { formatArgument, formatRequest } from './format-request.ts';
import { describeRoles } from './subject-roles.ts';
import { findUnknownValues } from './unknown-values.ts';

/** A label and the lines beside it. */
type Section = readonly [label: string, lines: readonly string[]];

const PAST = { allow: 'allowed', deny: 'denied' } as const;

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
  // Casbin then names the first rule all the same.
  if (!matcher.includes('p_')) return [['answer', [`${PAST[answer]} by the matcher, which asks no rule`]]];

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
