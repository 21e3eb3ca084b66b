import { type Enforcer, Util } from 'casbin';
import { getOrAdd } from '../collections.ts';
import { functionsOf } from './enforcer.ts';
import { compileExpression } from './matcher.ts';

/** Evaluates a part of the matcher for a rule with these values. Rejects with what a function throws. */
export type Evaluate = (part: string, values: readonly string[]) => Promise<unknown>;

/** Makes {@link Evaluate} for one request, whose values may be objects, as the enforcer does to decide it. */
export function evaluator(enforcer: Enforcer, request: readonly unknown[]): Evaluate {
  const { model } = enforcer.getModel();
  const requestTokens = model.get('r')?.get('r')?.tokens ?? [];
  const tokens = model.get('p')?.get('p')?.tokens ?? [];
  const isJson = Reflect.get(enforcer, 'acceptJsonRequest') === true;
  const shared = Object.fromEntries<unknown>([
    ...functionsOf(enforcer),
    ...[...(model.get('g') ?? [])].map(([name, { rm }]) => [name, Util.generateGFunction(rm)] as const),
    ...requestTokens.map((token, at) => [token, isJson ? parseIfJson(request[at]) : request[at]] as const),
  ]);
  const compiled = new Map<string, ReturnType<typeof compileExpression>>();
  const compile = (text: string) => getOrAdd(compiled, text, compileExpression);
  return async (part, values) => {
    // Inherits what is the same for all rules, because copying it takes longer than all the rest.
    const names: Record<string, unknown> = Object.create(shared);
    for (const [at, token] of tokens.entries()) names[token] = values[at];
    // Casbin puts the text of the rule into the matcher.
    names.eval = (text: string) => compile(Util.escapeAssertion(text))(names);
    return compile(part)(names);
  };
}

/** Casbin leaves a text that is not JSON as it is. */
function parseIfJson(value: unknown): unknown {
  try {
    return JSON.parse(String(value));
  } catch {
    return value;
  }
}
