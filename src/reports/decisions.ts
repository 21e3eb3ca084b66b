import { listNames } from '../reason.ts';
import type { Decision, Explanation, Holders } from '../verification/report.ts';
import { type Headline, renderFindings } from './findings.ts';
import { policyLine } from './phrases.ts';

/** A finding about a request, or about a stored rule alone: its request is empty then. */
interface Judged extends Explanation {
  readonly request: readonly string[];
  readonly expected: Decision | null;
  readonly actual: Decision | null;
  /** Of drift only. */
  readonly holders?: Holders | null;
}

/** Renders those findings that are about a request: what was expected, what came, and why; of drift, for whom. */
export function renderDecisions(findings: readonly Judged[], headline: Headline): string[] {
  const decisions = findings.filter(({ request }) => request.length > 0);
  const withHolders = decisions.some(({ holders }) => holders != null);
  return renderFindings(
    decisions,
    headline,
    [
      { title: 'request' },
      { title: 'expected' },
      { title: 'actual' },
      { title: 'why' },
      ...(withHolders ? [WHO] : []),
    ],
    ({ request, expected, actual, reason, holders }) => [
      policyLine(request),
      expected ?? '',
      actual ?? '',
      reason,
      ...(withHolders ? [holdersLine(holders)] : []),
    ],
  );
}

/** Renders those findings that are about a stored rule which no request shows. */
export function renderAddedRules(findings: readonly Judged[], headline: Headline): string[] {
  return renderFindings(
    findings.filter(({ request }) => request.length === 0),
    headline,
    [{ title: 'row', align: 'right' }, { title: 'rule' }, WHO],
    ({ ids, rule, holders }) => [ids.join(', '), policyLine(rule ?? []), holdersLine(holders)],
  );
}

const WHO = { title: 'who has it now' } as const;

function holdersLine(holders: Holders | null | undefined): string {
  return holders ? listNames(holders.names, holders) : '';
}
