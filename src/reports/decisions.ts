import type { Decision, Explanation } from '../verification/report.ts';
import { type Headline, renderFindings } from './findings.ts';
import { policyLine } from './phrases.ts';

/** A finding about a request, or about a stored rule alone: its request is empty then. */
interface Judged extends Explanation {
  readonly request: readonly string[];
  readonly expected: Decision | null;
  readonly actual: Decision | null;
}

/** Renders those findings that are about a request: what was expected, what came, and why. */
export function renderDecisions(findings: readonly Judged[], headline: Headline): string[] {
  return renderFindings(
    findings.filter(({ request }) => request.length > 0),
    headline,
    [{ title: 'request' }, { title: 'expected' }, { title: 'actual' }, { title: 'why' }],
    ({ request, expected, actual, reason }) => [policyLine(request), expected ?? '', actual ?? '', reason],
  );
}

/** Renders those findings that are about a stored rule which no request shows. */
export function renderAddedRules(findings: readonly Judged[], headline: Headline): string[] {
  return renderFindings(
    findings.filter(({ request }) => request.length === 0),
    headline,
    [{ title: 'row', align: 'right' }, { title: 'rule' }],
    ({ ids, rule }) => [ids.join(', '), policyLine(rule ?? [])],
  );
}
