import type { Decision, RowId, VerificationReport, VerificationWarning } from '../verification-report.ts';

/** What a page shows, as plain data. */
export interface PageData {
  /** When it was read, as ISO 8601. */
  readonly readAt: string;
  readonly source: PageSource;
  /** The versions of the definition; null without a version. */
  readonly versions: PageVersions | null;
  /** How the live policy compares to the definition; null without a database. */
  readonly verification: VerificationReport | null;
  /** Warnings about what the verification does not prove. */
  readonly warnings: readonly VerificationWarning[];
  readonly matrix: PageMatrix;
  /** How many users have a role themselves, by its name. */
  readonly holders: ReadonlyMap<string, number>;
  readonly hierarchies: readonly PageHierarchy[];
  /** How much the page leaves out. */
  readonly omitted: OmittedFromPage;
  /** What the page can't show, and why, as sentences. */
  readonly notes: readonly string[];
}

/** The version of a definition, and its changes since earlier ones. */
export interface PageVersions {
  readonly defined: number;
  /** The newest one that the database was bootstrapped with; null for none, and without a database. */
  readonly newest: number | null;
  /** Pairs of the earlier and the new name. */
  readonly renamed: readonly (readonly [from: string, to: string])[];
  /** Pairs of a retired role and the role that its users get; null if they get none. */
  readonly retiredRoles: readonly (readonly [role: string, reassign: string | null])[];
  /** Each with its ptype first. */
  readonly retiredRules: readonly (readonly string[])[];
}

/** The source of the policy of a page. */
export type PageSource =
  | {
      readonly kind: 'database';
      readonly database: string;
      /** The rule table, as SQL. */
      readonly table: string;
      /** How many rules are stored, including links of users. */
      readonly rules: number;
    }
  | { readonly kind: 'definition'; readonly rules: number };

export interface OmittedFromPage {
  readonly roles: number;
  readonly permissions: number;
  readonly users: number;
  readonly hierarchies: number;
}

/** Roles × permissions, and who has the roles: the data for the script of the page. */
export interface PageMatrix {
  /** The name of the subject in the model: `sub`. */
  readonly subject: string;
  /** The position of the subject in a request. */
  readonly subjectAt: number;
  /** The names of the other values, in order: `obj`, `act`. */
  readonly tokens: readonly string[];
  /** The position of the domain among these; -1 if there is none. */
  readonly domainAt: number;
  /** Each as the values of a request without its subject. */
  readonly permissions: readonly (readonly string[])[];
  readonly roles: readonly PageRole[];
  /** The rules that decide cells. */
  readonly rules: readonly PageRule[];
  /** The routes from roles to the rules of others. */
  readonly routes: readonly PageRoute[];
  /** Who added rules and links, by the ids of their rows, if there is a journal. */
  readonly granted: { readonly [row: string]: string };
  /** The decision of every cell that is not listed. */
  readonly unlisted: Decision;
  /** Whether there is both a definition and a database to compare. */
  readonly isCompared: boolean;
  readonly users: readonly PageUser[];
  /** The roles of users. */
  readonly grants: readonly PageGrant[];
}

/** A role, or another name to which rules permit something. */
export interface PageRole {
  readonly name: string;
  /** `everybody`: a subject that no rule names. */
  readonly kind: 'defined' | 'added' | 'everybody';
  readonly cells: PageCells;
}

/** The cells of a role that are not `unlisted`; the lists are parallel. */
export interface PageCells {
  /** The numbers of the permissions, ascending. */
  readonly at: readonly number[];
  /** One character each: a key of {@link CELL_STATES}. */
  readonly states: string;
  /** The rule that decides; -1 if none does. For `missing`: the rule that would decide. */
  readonly rules: readonly number[];
  /** The route to that rule; -1 if no rule decides. */
  readonly routes: readonly number[];
}

/** The states of cells. */
export const CELL_STATES = {
  d: 'direct',
  i: 'inherited',
  o: 'open',
  x: 'denied',
  a: 'added',
  m: 'missing',
  e: 'error',
} as const;

/** The state of one of the listed cells. */
export function stateAt({ states }: Pick<PageCells, 'states'>, position: number): CellState {
  return CELL_STATES[states[position] as keyof typeof CELL_STATES];
}

/**
 * `direct`: allowed by a rule of the role itself. `inherited`: allowed by a rule of another role. `open`: allowed
 * because no rule denies it. `denied`: denied by a rule. `added`: allowed, but the definition denies it. `missing`:
 * denied, but the definition allows it. `error`: Casbin throws.
 */
export type CellState = (typeof CELL_STATES)[keyof typeof CELL_STATES];

export interface PageRule {
  /** The whole line: `p, viewer, invoices, read`. */
  readonly text: string;
  /** The id of its row; null if it is not stored. */
  readonly id: RowId | null;
  readonly state: RuleState;
}

/** `added`: stored, not defined. `missing`: defined, not stored. */
export type RuleState = 'defined' | 'added' | 'missing';

export interface PageRoute {
  /** From the role to the one that has the rule; empty if no roles are involved. */
  readonly path: readonly string[];
  /** The rows of the links. */
  readonly ids: readonly RowId[];
  /** The links that are not defined, as lines. */
  readonly added: readonly string[];
  /** Why Casbin can't decide; null if it can. */
  readonly error: string | null;
}

export interface PageUser {
  readonly name: string;
  /** The numbers of the grants. */
  readonly grants: readonly number[];
}

/** A role that users have, in a domain or everywhere. */
export interface PageGrant {
  readonly role: string;
  /** Null if the role definition has no domain. */
  readonly domain: string | null;
  /** The role itself and all that it inherits, as numbers of {@link PageMatrix.roles}. */
  readonly roles: readonly number[];
}

/** Who inherits from whom, in one role definition and one domain. */
export interface PageHierarchy {
  readonly ptype: string;
  /** The domain; empty if there is none. */
  readonly domain: string;
  readonly nodes: readonly HierarchyNode[];
  readonly edges: readonly HierarchyEdge[];
}

export interface HierarchyNode {
  readonly name: string;
  readonly state: RuleState;
  /** How many users have it directly. */
  readonly users: number;
}

export interface HierarchyEdge {
  /** Numbers of {@link PageHierarchy.nodes}: the one that inherits, and the one that it inherits from. */
  readonly child: number;
  readonly parent: number;
  readonly state: RuleState;
}
