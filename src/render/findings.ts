import { listNames } from '../text.ts';
import type {
  Decision,
  Explanation,
  Holders,
  IntegrityFinding,
  RowOrder,
  VerificationFailure,
  VerificationReport,
} from '../verification-report.ts';
import { andMore, count, policyLine } from './phrases.ts';
import { renderTable, type TableColumn } from './table.ts';

/**
 * Renders what a verification found wrong as plain text: defined rules that are missing, each request that is
 * not decided as it must be, and stored rules that no enforcer reads back as written.
 *
 * Empty when nothing is wrong. No line break at the end.
 */
export function renderFailures(report: VerificationReport): string {
  const of = (kind: VerificationFailure['kind']) =>
    report.failures.filter((failure) => failure.kind === kind);

  return [
    ...renderFindings(
      of('missing-rule'),
      (total) => `${count(total, 'defined rule is', 'defined rules are')} missing from the database:`,
      [{ title: 'rule' }],
      (failure) => [failure.rule ? policyLine(failure.rule) : failure.message],
    ),
    ...renderDecisions(of('decision'), requestsAre('not decided as expected')),
    ...renderDecisions(of('never'), requestsAre('allowed and must never be')),
    ...renderDrift(of('drift')),
    ...renderIntegrity(
      report.integrity.filter((finding) => finding.severity === 'failure'),
      (total) => `${count(total, 'problem')} with stored rules:`,
    ),
    ...renderOmitted(report.omitted.failures, 'failure is', 'failures are'),
    ...renderRowOrder(report.rowOrder),
  ].join('\n\n');
}

/** What to do about rules that are not defined. Other findings say it themselves. */
export function renderRemedies({ failures }: VerificationReport): string[] {
  const kinds = new Set(failures.filter(({ added }) => added.length > 0).map(({ kind }) => kind));
  return [
    ...(kinds.has('never')
      ? [`Revoke the rules that allow what must never be (${REVOKING}), or take the request out of never.`]
      : []),
    ...(kinds.has('drift')
      ? [`Define what is not defined, or revoke it (${REVOKING}). Without strict it is only reported.`]
      : []),
  ];
}

const REVOKING = 'changePolicy, or casbin-bootstrap revoke or unassign';

/** How many findings a report does not list. */
export function renderOmitted(amount: number, one: string, several: string): string[] {
  return amount === 0 ? [] : [`${count(amount, `more ${one}`, `more ${several}`)} not listed.`];
}

/**
 * Renders the advice, and all statements in full: without the last ones, rules could be removed and not inserted again.
 */
export function renderRowOrder(rowOrder: RowOrder | null): string[] {
  if (rowOrder === null) return [];
  return [rowOrder.advice, ...(rowOrder.statements.length > 0 ? [rowOrder.statements.join('\n')] : [])];
}

/** A finding about a request, or about a stored rule alone: its request is empty then. */
interface RequestFinding extends Explanation {
  readonly request: readonly string[];
  readonly expected: Decision | null;
  readonly actual: Decision | null;
  /** Only for drift. */
  readonly holders?: Holders | null;
}

function requestsAre(what: string): Headline {
  return (total) => `${count(total, 'request is', 'requests are')} ${what}:`;
}

/** Renders drift: the requests that it decides differently, then the rules. */
export function renderDrift(findings: readonly RequestFinding[], prefix = ''): string[] {
  const headline = requestsAre('decided differently than defined');
  return [
    ...renderDecisions(findings, (total) => prefix + headline(total)),
    ...renderAddedRules(findings, prefix),
  ];
}

/** Renders the findings about requests: the expected and the actual decision, and why; for drift, who has it. */
export function renderDecisions(findings: readonly RequestFinding[], headline: Headline): string[] {
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

/** Renders the findings about stored rules without a request. Vanished rules are left out. */
function renderAddedRules(findings: readonly RequestFinding[], prefix: string): string[] {
  return renderFindings(
    findings.filter(({ request, added }) => request.length === 0 && added.length > 0),
    (total) => `${prefix}${count(total, 'stored rule is', 'stored rules are')} not defined:`,
    [{ title: 'row', align: 'right' }, { title: 'rule' }, WHO],
    ({ ids, rule, holders }) => [ids.join(', '), policyLine(rule ?? []), holdersLine(holders)],
  );
}

const WHO = { title: 'who has it now' } as const;

function holdersLine(holders: Holders | null | undefined): string {
  return holders ? listNames(holders.names, holders) : '';
}

/** The line above a list, for the number of findings. */
type Headline = (total: number) => string;

/** How many findings of one kind are shown; the report itself has all of them. */
const SHOWN_FINDINGS = 50;

/** Renders a headline and a table of what it announces, cut after 50 rows; nothing when there is nothing to show. */
function renderFindings<T>(
  findings: readonly T[],
  headline: Headline,
  columns: readonly TableColumn[],
  cells: (finding: T) => readonly string[],
): string[] {
  if (findings.length === 0) return [];
  const table = renderTable(columns, findings.slice(0, SHOWN_FINDINGS).map(cells));
  return [`${headline(findings.length)}\n${table}${andMore(findings.length, SHOWN_FINDINGS)}`];
}

/** Renders stored rules that do not read back as written. */
export function renderIntegrity(findings: readonly IntegrityFinding[], headline: Headline): string[] {
  return renderFindings(
    findings,
    headline,
    [{ title: 'row', align: 'right' }, { title: 'rule' }, { title: 'problem' }],
    ({ ids, rule, message }) => [ids.join(', '), policyLine(rule), message],
  );
}
