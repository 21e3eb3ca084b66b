import type { Model } from 'casbin';
import { getOrAdd } from '../collections.ts';
import type { Request } from '../policy/definition.ts';
import type { Rule } from '../policy/rule.ts';
import { type Parts, permissionExpander, readParts } from './parts.ts';
import { type Block, Matrix, withoutRepetition } from './request-matrix.ts';

/** A subject that no rule names, to find out what everybody may do. */
export const NO_ROLE = 'casbin-bootstrap:no-role';

/** The subjects and permissions of one domain; a model without domains has one block. */
interface Domain {
  readonly subjects: Set<string>;
  /** The permissions as requests, whose subject does not matter. */
  readonly permissions: Request[];
}

/**
 * Makes the matrix of a policy: every subject, and one without any role, × every permission. With domains: the subjects
 * of each domain × its own permissions and those of one other domain; a subject of both is asked once.
 *
 * A permission is what a rule holds beside its subject, for the resource that it names and for those that inherit from
 * it. The matrix is empty for a model from whose rules no requests follow.
 */
export function deriveMatrix(model: Model, rules: readonly Rule[]): Matrix {
  const parts = readParts(model);
  if (parts === null) return new Matrix(0, []);
  const subject = parts.requestTokens.indexOf(parts.subject);
  const everywhere = collectSubjects(rules, parts);
  const domains = [...collectDomains(rules, parts).values()].map(({ subjects, permissions }) => ({
    subjects: [...new Set([...subjects, ...everywhere, NO_ROLE])],
    permissions: withoutRepetition(permissions, subject),
  }));
  return new Matrix(subject, withForeign(domains));
}

/** Subjects that are linked to others in no domain, and so in all of them. */
function collectSubjects(rules: readonly Rule[], { roles }: Parts): string[] {
  return rules
    .filter(({ ptype }) => roles.get(ptype) === 'everywhere')
    .flatMap(({ values }) => values.slice(0, 2));
}

function collectDomains(rules: readonly Rule[], parts: Parts): Map<string, Domain> {
  const domains = new Map<string, Domain>();
  const domainCalled = (name: string) =>
    getOrAdd(domains, name, () => ({ subjects: new Set<string>(), permissions: [] }));
  const positions = parts.requestTokens.map((token) => parts.policyTokens.indexOf(token));
  const isSameOrder = positions.every((position, index) => position === index);
  const expand = permissionExpander(rules, parts);
  const subjectAt = parts.policyTokens.indexOf(parts.subject);
  const domainAt = parts.domain === null ? null : parts.requestTokens.indexOf(parts.domain);
  for (const { ptype, values } of rules) {
    if (ptype === 'p') {
      // Uses the rule's own values if possible, so that a million rules are not copied.
      const fits = isSameOrder && values.length === positions.length;
      const permission = fits ? values : positions.map((position) => values[position] ?? '');
      for (const variant of expand(permission)) {
        const domain = domainCalled(domainAt === null ? '' : (variant[domainAt] ?? ''));
        domain.subjects.add(values[subjectAt] ?? '');
        domain.permissions.push(variant);
      }
    } else if (parts.roles.get(ptype) === 'in domain') {
      const [child = '', parent = '', domain = ''] = values;
      domainCalled(domain).subjects.add(child).add(parent);
    }
  }
  return domains;
}

/**
 * Adds to the requests of each domain those of its subjects for the permissions of the next domain that has some; after
 * the last domain comes the first. A subject of both domains is left out, because it has these requests in the other
 * domain.
 */
function withForeign(domains: readonly Block[]): Block[] {
  const grants = ({ permissions }: Block) => permissions.length > 0;
  let next = domains.find(grants);
  const blocks: Block[] = [];
  for (const domain of domains.toReversed()) {
    if (next !== undefined && next !== domain) {
      const known = new Set(next.subjects);
      const subjects = domain.subjects.filter((subject) => !known.has(subject));
      if (subjects.length > 0) blocks.push({ subjects, permissions: next.permissions });
    }
    blocks.push(domain);
    if (grants(domain)) next = domain;
  }
  return blocks.reverse();
}

/** Every permission that the policy names, each once, as requests; the subject in them does not matter. */
export function derivePermissions(model: Model, rules: readonly Rule[]): Request[] {
  const parts = readParts(model);
  if (parts === null) return [];
  const all = [...collectDomains(rules, parts).values()].flatMap(({ permissions }) => permissions);
  return withoutRepetition(all, parts.requestTokens.indexOf(parts.subject));
}
