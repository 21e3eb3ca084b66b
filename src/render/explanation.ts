import { formatValue } from '../policy/rule.ts';
import { escapeControls } from '../text.ts';
import type { ClosestRule } from '../verification/closest-rules.ts';
import type { DecisionExplanation, HeldRoles } from '../verification/decision-explanation.ts';
import { type Colors, describeOrigin, paint, policyLine } from './phrases.ts';
import { type Remark, remark } from './remark.ts';

/** A label and the lines beside it. */
type Section = readonly [label: string, lines: readonly string[]];

interface ExplanationLook extends Colors {
  /** How the values of the request are shown, if they are not all strings. */
  readonly shown?: readonly string[];
}

/** Renders why a request is allowed or denied: the request in the first line, the reasons below it. */
export function renderExplanation(explanation: DecisionExplanation, look: ExplanationLook = {}): string {
  const { request, tokens, decision, answer, rolePath, ids, added, granted, roles, closest, unknown } =
    explanation;
  const shown = look.shown ?? request.map(formatValue);
  const named = tokens.map((token, index) => `${token} = ${shown[index] ?? ''}`);
  const outcome = decision === 'allow' ? paint('green', 'allowed', look) : paint('red', 'denied', look);
  const sections: Section[] = [
    ['request', [named.join(', ')]],
    ['answer', [answer]],
    ['roles', rolePath.length > 1 ? [rolePath.map(formatValue).join(' → ')] : roles.flatMap(rolesLines)],
    ['rows', ids.length > 0 ? [ids.join(', ')] : []],
    ['added', added.map((rule) => `${policyLine(rule)} — not in the definition`)],
    ['granted', granted.map(describeOrigin)],
    ['closest', closest.map(closestLine)],
    ['unknown', unknown],
  ];
  return `"${escapeControls(shown.join(', '))}" is ${outcome}\n\n${renderSections(sections)}`;
}

/** The same in one remark. */
export function listExplanationRemarks({
  request,
  answer,
  rolePath,
  closest,
}: DecisionExplanation): Remark[] {
  const through = rolePath.length > 1 ? [`through ${rolePath.map(formatValue).join(' → ')}`] : [];
  const nearest = closest.slice(0, 1).map((one) => `closest ${closestLine(one)}`);
  const message = [answer, ...through, ...nearest].join(', ');
  const subject = policyLine(request);
  return [remark('note', 'DECISION', message, subject)];
}

function renderSections(sections: readonly Section[]): string {
  return sections
    .flatMap(([label, lines]) =>
      lines.map((line, index) => `  ${(index === 0 ? label : '').padEnd(9)}${escapeControls(line)}`),
    )
    .join('\n');
}

function rolesLines({ ptype, name, domain, paths, more }: HeldRoles): string[] {
  const within = domain === null || domain === '' ? '' : ` in ${formatValue(domain)}`;
  if (paths.length === 0) return [`no "${ptype}" rule gives ${formatValue(name)} a role${within}`];
  const shown = paths.map((path) => path.map(formatValue).join(' → ') + within);
  return more ? [...shown, '…'] : shown;
}

function closestLine({ rule, differences }: ClosestRule): string {
  return `${policyLine(rule)} — ${differences.join('; ')}`;
}
