import type { BootstrapReport, OwnershipReport } from '../bootstrap-report.ts';
import type { KeptAwayRule, VerificationReport } from '../verification-report.ts';
import { andMore, count, listBelow, policyLine } from './phrases.ts';
import { renderTable } from './table.ts';

/** How many rules are shown; the report itself has all of them. */
const SHOWN = 50;

/** Renders what a bootstrap did about earlier versions of the definition; empty if it did nothing. */
export function renderOwnership({ ownership, dryRun }: BootstrapReport): string[] {
  if (ownership === null) return [];
  const { version, before, isOlder } = ownership;
  if (isOlder) {
    return [
      `The database was bootstrapped with version ${before} of the policy, and this is version ${version}: the policy stays as it is.`,
    ];
  }
  const done = dryRun ? 'Would rename and retire:' : 'Renamed and retired:';
  return listBelow(done, listOwnershipChanges(ownership));
}

/** Renders what is still stored of retired roles and rules, and by former names. */
export function renderLeft({ left, leftOmitted }: VerificationReport): string[] {
  const headline =
    'These are stored, though they are retired, or name a retired role, or a renamed one by its former name:';
  return listBelow(headline, listShown(left, leftOmitted));
}

/** The same as lines of a diff. */
export function listOwnershipChanges({ renamed, removed, reassigned }: OwnershipReport): string[] {
  return [
    ...renamed.map(({ from, to, rules }) => `~ role ${from} becomes ${to} in ${count(rules, 'rule')}`),
    ...(reassigned > 0 ? [describeReassigned(reassigned)] : []),
    ...listShown(removed, 0).map((line) => `- ${line}`),
  ];
}

function describeReassigned(links: number): string {
  if (links === 1) return '~ 1 link of a user leads to another role, not to a retired one';
  return `~ ${count(links, 'link')} of users lead to other roles, not to retired ones`;
}

function listShown(rules: readonly (readonly string[])[], omitted: number): string[] {
  const hidden = Math.max(0, rules.length - SHOWN) + omitted;
  return [...rules.slice(0, SHOWN).map(policyLine), ...(hidden > 0 ? [count(hidden, 'more rule')] : [])];
}

/** Renders the defined rules that stay away, with who revoked them and why. */
export function renderKeptAway({ keptAway }: VerificationReport): string[] {
  if (keptAway.length === 0) return [];
  const headline = `${count(keptAway.length, 'defined rule is', 'defined rules are')} not stored and ${keptAway.length === 1 ? 'stays' : 'stay'} away:`;
  const table = renderTable(
    [{ title: 'rule' }, { title: 'why' }],
    keptAway.slice(0, SHOWN).map((away) => [policyLine(away.rule), explainAway(away)]),
  );
  return [`${headline}\n${table}${andMore(keptAway.length, SHOWN)}`];
}

/** Why a rule stays away, in one sentence. */
export function explainAway({ because, actor, reason, at }: KeptAwayRule): string {
  if (because === 'newer version') return 'the database has a newer version of the policy';
  if (because === 'vanished') return "somebody removed it; onRevoked: 'keep'";
  const who = actor === null ? '' : ` by ${actor}`;
  const when = at === null ? '' : ` on ${at.toISOString().slice(0, 10)}`;
  return `revoked${who}${when}${reason === null ? '' : `: ${reason}`}`;
}
