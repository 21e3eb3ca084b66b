import { explainAway } from '../render/ownership.ts';
import { count, countDrift, countFailures, listRows, policyLine } from '../render/phrases.ts';
import type {
  DriftFinding,
  IntegrityFinding,
  KeptAwayRule,
  VerificationFailure,
  VerificationReport,
} from '../verification-report.ts';
import { type Content, html, type Markup } from './markup.ts';
import type { OmittedFromPage, PageData } from './page-data.ts';

/** Renders what the verification found: its result and its numbers. */
export function renderResult({ verification, source, matrix, omitted, warnings }: PageData): Markup {
  const users = matrix.users.length + omitted.users;
  const { mood, text } = describeVerdict(verification);
  const numbers =
    verification === null
      ? [
          tile(source.rules, 'rules'),
          tile(matrix.roles.length, 'roles'),
          tile(matrix.permissions.length, 'permissions'),
        ]
      : [
          tile(
            verification.checks,
            'decisions verified',
            `${verification.allowed.toLocaleString('en-US')} allowed`,
          ),
          tile(
            countFailures(verification),
            'failures',
            null,
            countFailures(verification) > 0 ? 'bad' : 'good',
          ),
          tile(
            countDrift(verification),
            'beyond the definition',
            null,
            countDrift(verification) > 0 ? 'odd' : 'good',
          ),
          tile(source.rules, 'rules stored', users > 0 ? count(users, 'user') : null),
        ];
  return html`<section aria-labelledby="result"><h2 id="result" class="verdict ${mood}">${text}</h2>
<ul class="tiles">${numbers}</ul>
${warnings.map(({ message }) => html`<p class="note odd">${message}</p>`)}</section>`;
}

type Mood = 'good' | 'odd' | 'bad' | 'plain';

function describeVerdict(verification: VerificationReport | null): { mood: Mood; text: string } {
  if (verification === null)
    return { mood: 'plain', text: 'The policy as it is defined, without a database' };
  if (!verification.ok) return { mood: 'bad', text: 'The database does not decide as defined' };
  if (countDrift(verification) === 0) return { mood: 'good', text: 'The database decides as defined' };
  return { mood: 'odd', text: 'The database decides as defined, and has more than that' };
}

function tile(amount: number, label: string, more: string | null = null, mood: Mood = 'plain'): Markup {
  return html`<li class="tile ${mood}"><strong>${amount.toLocaleString('en-US')}</strong> ${label}${more === null ? null : html` <small>${more}</small>`}</li>`;
}

/** How many findings of each kind are shown; the report of the command line has all. */
const SHOWN = 200;

/**
 * Renders where the database differs from the definition; nothing if it does not, or if there is nothing to compare.
 */
export function renderDifferences({ verification }: PageData): Markup | null {
  if (verification === null) return null;
  const { failures, drift, integrity, keptAway, left, leftOmitted, omitted } = verification;
  const ofKind = (kind: VerificationFailure['kind']) => failures.filter((failure) => failure.kind === kind);
  // A rule that vanished is among those that stay away.
  const additions = drift.filter(({ added }) => added.length > 0);
  const addedRules = additions.filter(({ request }) => request.length === 0);
  const groups = [
    group('bad', 'Defined, and not stored', ofKind('missing-rule').map(ruleItem)),
    group('bad', 'Not decided as defined', ofKind('decision').map(messageItem)),
    group('bad', 'Allowed, and must never be', ofKind('never').map(messageItem)),
    group('bad', 'Faults of stored rules', integrity.filter(isFailure).map(integrityItem)),
    group('bad', 'More failures', omittedItem(omitted.failures)),
    group(
      'odd',
      'Decided differently than defined, by rules that are not defined',
      additions.filter((one) => !addedRules.includes(one)).map(messageItem),
    ),
    group('odd', 'Stored, and not defined', addedRules.map(driftItem)),
    group('odd', 'More drift', omittedItem(omitted.drift)),
    group('odd', 'Defined, and kept away', keptAway.map(keptAwayItem)),
    group('odd', 'Retired or renamed, and still stored', [
      ...left.map((rule) => html`<li>${renderRule(rule)}</li>`),
      ...omittedItem(leftOmitted),
    ]),
    group(
      'odd',
      'Warnings about stored rules',
      integrity.filter((one) => !isFailure(one)).map(integrityItem),
    ),
  ];
  if (groups.every((one) => one === null)) return null;
  return html`<section aria-labelledby="differences"><h2 id="differences">Difference from the definition</h2>${groups}</section>`;
}

function isFailure({ severity }: { readonly severity: string }): boolean {
  return severity === 'failure';
}

function group(mood: Mood, title: string, items: readonly Markup[]): Markup | null {
  if (items.length === 0) return null;
  const more = items.length - SHOWN;
  return html`<div class="finding ${mood}"><h3>${title} <span class="count">${items.length}</span></h3>
<ul>${items.slice(0, SHOWN)}${more > 0 ? html`<li>${more.toLocaleString('en-US')} more, not shown here.</li>` : null}</ul></div>`;
}

function omittedItem(amount: number): Markup[] {
  return amount === 0 ? [] : [html`<li>${count(amount, 'finding')} more, not listed.</li>`];
}

function ruleItem({ rule, message }: VerificationFailure): Markup {
  return rule === null ? messageItem({ message }) : html`<li>${renderRule(rule)}</li>`;
}

function keptAwayItem(away: KeptAwayRule): Markup {
  return html`<li>${renderRule(away.rule)} — <bdi>${explainAway(away)}</bdi></li>`;
}

function driftItem({ rule, ids, holders, message }: DriftFinding): Markup {
  if (rule === null) return messageItem({ message });
  const who = holders === null || holders.count === 0 ? null : html` — ${renderHolders(holders)}`;
  return html`<li>${renderRule(rule)}${renderRows(ids)}${who}</li>`;
}

function renderHolders({ names, count: amount, more }: NonNullable<DriftFinding['holders']>): Content {
  if (names.length === 0) return html`${more ? 'at least ' : ''}${count(amount, 'user')} with it`;
  const shown = names.map((name, index) => html`${index === 0 ? '' : ', '}<bdi>${name}</bdi>`);
  const rest = amount - names.length;
  const others = rest > 0 ? ` and ${more ? 'at least ' : ''}${rest.toLocaleString('en-US')} more` : '';
  return html`who has it: ${shown}${others}`;
}

function integrityItem({ rule, ids, message }: IntegrityFinding): Markup {
  return html`<li>${renderRule(rule)}${renderRows(ids)} — <bdi>${message}</bdi></li>`;
}

function renderRows(ids: DriftFinding['ids']): Markup | null {
  return ids.length === 0 ? null : html` <small>${listRows(ids)}</small>`;
}

function messageItem({ message }: { readonly message: string }): Markup {
  return html`<li><bdi>${message}</bdi></li>`;
}

/** Renders a rule, ptype first. */
export function renderRule(rule: readonly string[]): Markup {
  return html`<code><bdi>${policyLine(rule)}</bdi></code>`;
}

/** Renders what the page leaves out; nothing if it has everything. */
export function renderOmissions({ omitted, notes }: PageData): Markup | null {
  const sentences = [...notes, ...describeOmitted(omitted)];
  return sentences.length === 0 ? null : html`${sentences.map((text) => html`<p class="note">${text}</p>`)}`;
}

function describeOmitted({ roles, permissions, users, hierarchies }: OmittedFromPage): string[] {
  const left = [
    roles > 0 ? count(roles, 'role') : '',
    permissions > 0 ? count(permissions, 'permission') : '',
    users > 0 ? count(users, 'user') : '',
    hierarchies > 0 ? count(hierarchies, 'picture of a hierarchy', 'pictures of hierarchies') : '',
  ].filter((part) => part !== '');
  return left.length === 0 ? [] : [`The policy is large. Left out of this page: ${left.join(', ')}.`];
}
