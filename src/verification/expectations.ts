import type { Model } from 'casbin';
import type { ConfigureEnforcer } from '../casbin/enforcer.ts';
import type { Problem } from '../errors.ts';
import type { PolicyDefinition } from '../policy/definition.ts';
import type { Rule } from '../policy/rule.ts';
import { closureOf } from './closure.ts';
import { type Answer, decideAll } from './decide.ts';
import type { Decision } from './report.ts';
import { deriveRequests, type Request } from './requests.ts';

/** A request, and how it must be decided. */
export interface Expectation {
  readonly request: Request;
  readonly expected: Decision;
  /** `never` is an invariant: it is violated by whoever allows it, also by an administrator. */
  readonly kind: 'derived' | 'sample' | 'allow' | 'deny' | 'never';
}

/** Expectations that the definition writes down itself. */
export interface WrittenExpectations {
  readonly allow?: readonly Request[] | undefined;
  readonly deny?: readonly Request[] | undefined;
  readonly never?: readonly Request[] | undefined;
  /** Requests for rules whose values are patterns; how they are to be decided, the definition itself says. */
  readonly samples?: readonly Request[] | undefined;
}

/** What a definition promises, and whether it keeps its own promises. */
export interface Promises {
  readonly expectations: readonly Expectation[];
  /** For each expectation, what an enforcer answers on the definition alone. */
  readonly answers: readonly Answer[];
  readonly problems: readonly Problem[];
}

/**
 * Collects the expectations of a definition and judges it against them, by a plain enforcer in memory.
 *
 * @param placeOf tells where a written expectation stands
 */
export async function collectPromises(
  model: Model,
  rules: readonly Rule[],
  written: PolicyDefinition & WrittenExpectations,
  configureEnforcer: ConfigureEnforcer | undefined,
  placeOf: (kind: keyof WrittenExpectations, index: number) => string,
): Promise<Promises> {
  const listed = (['samples', 'allow', 'deny', 'never'] as const).flatMap((kind) =>
    (written[kind] ?? []).map((request, index) => ({ kind, request, at: placeOf(kind, index) })),
  );
  const named = new Set(listed.map(({ request }) => JSON.stringify(request)));
  const matrix = deriveRequests(model, rules).filter((request) => !named.has(JSON.stringify(request)));
  const decided = await decideAll(
    model,
    rules,
    [...matrix, ...listed.map(({ request }) => request)],
    configureEnforcer,
  );
  const isAllowed = closureOf(model, rules, configureEnforcer);
  const expectations: Expectation[] = [];
  const answers: Answer[] = [];
  const problems: Problem[] = [];
  for (const [index, answer] of decided.entries()) {
    const entry = listed[index - matrix.length];
    const request = entry?.request ?? matrix[index] ?? [];
    // What the definition itself can't decide says nothing, unless somebody wrote it down.
    if (entry === undefined && answer.error !== null) continue;
    const expected = expectedOf(entry?.kind ?? 'samples', answer);
    expectations.push({ kind: kindOf(entry?.kind), request, expected });
    answers.push(answer);
    if (entry === undefined) problems.push(...contradictClosure(request, answer, isAllowed));
    else problems.push(...contradict(entry.at, entry.kind, request, expected, answer));
  }
  return { expectations, answers, problems };
}

function kindOf(kind: keyof WrittenExpectations | undefined): Expectation['kind'] {
  if (kind === undefined) return 'derived';
  return kind === 'samples' ? 'sample' : kind;
}

function expectedOf(kind: keyof WrittenExpectations, answer: Answer): Decision {
  if (kind === 'samples') return verdictOf(answer);
  return kind === 'allow' ? 'allow' : 'deny';
}

function verdictOf(answer: Answer): Decision {
  return answer.allowed ? 'allow' : 'deny';
}

/** The definition says one thing by its rules, and another by its expectations. */
function contradict(
  at: string,
  kind: keyof WrittenExpectations,
  request: Request,
  expected: Decision,
  answer: Answer,
): Problem[] {
  const shown = request.join(', ');
  if (answer.error) {
    const message = `"${shown}" can't be decided on this definition: ${answer.error}.`;
    return [{ code: 'EXPECTATION_CONTRADICTED', at, message }];
  }
  if (verdictOf(answer) === expected) return [];
  const because = answer.rule.length ? ` (by the rule "p, ${answer.rule.join(', ')}")` : '';
  const message = `"${shown}" is listed under ${kind}, but the definition itself makes it ${verdictOf(answer)}${because}. Correct one of them.`;
  return [{ code: 'EXPECTATION_CONTRADICTED', at, message }];
}

/** Casbin answers otherwise than the definition reads: too deep a hierarchy, or a fault in one of the two. */
function contradictClosure(
  request: Request,
  answer: Answer,
  isAllowed: ((request: Request) => boolean) | null,
): Problem[] {
  if (isAllowed === null || answer.allowed === isAllowed(request)) return [];
  const message = `"${request.join(', ')}" is declared to be ${isAllowed(request) ? 'allowed' : 'denied'}, but Casbin's enforcer answers otherwise on this definition.`;
  return [{ code: 'EXPECTATION_CONTRADICTED', at: 'policy', message }];
}
