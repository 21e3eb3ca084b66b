import { type Adapter, type Enforcer, FunctionMap, type Model, newEnforcer } from 'casbin';
import { rememberLast } from '../collections.ts';
import type { Rule } from '../policy/rule.ts';
import { evaluatesRules } from './matcher.ts';
import { copyModel, matcherOf } from './model.ts';

/** Prepares an enforcer before it loads: custom functions, role managers, matching functions. */
export type ConfigureEnforcer = (enforcer: Enforcer) => void | Promise<void>;

/** An enforcer on a copy of `model`, configured, then loaded from `adapter`. */
export async function buildEnforcer(
  model: Model,
  adapter: Adapter,
  configureEnforcer?: ConfigureEnforcer,
): Promise<Enforcer> {
  const enforcer = await newEnforcer(copyModel(model));
  await configureEnforcer?.(enforcer);
  enforcer.setAdapter(adapter);
  await enforcer.loadPolicy();
  return enforcer;
}

/** An enforcer that holds only `rules`, in their order; rules of a ptype that the model lacks are left out. */
export function buildInMemoryEnforcer(
  model: Model,
  rules: readonly Rule[],
  configureEnforcer?: ConfigureEnforcer,
): Promise<Enforcer> {
  return buildEnforcer(model, new InMemoryAdapter(rules), configureEnforcer);
}

/**
 * Makes an enforcer decide faster, with the same answers. It takes away the functions that the matcher does not name:
 * Casbin copies all of them for each rule that it evaluates, which takes longer than the rest of a decision.
 */
export function hastenDecisions(enforcer: Enforcer): void {
  const matcher = matcherOf(enforcer.getModel());
  if (evaluatesRules(matcher)) return;
  const functions = new FunctionMap();
  for (const [name, call] of FunctionMap.loadFunctionMap().getFunctions()) {
    if (matcher.includes(name)) functions.addFunction(name, call);
  }
  Reflect.set(enforcer, 'fm', functions);
  // Casbin would find the compiled matcher by a text that it makes for each request.
  const compile: (isAsync: boolean, matcher: string) => unknown = Reflect.get(enforcer, 'getExpression');
  Reflect.set(enforcer, 'getExpression', rememberLast(compile.bind(enforcer)));
}

/**
 * Whether one name inherits from another, in a role definition (`g`, `g2` …) and, if it has domains, in one of them.
 */
export interface RoleQuestion {
  readonly ptype: string;
  readonly from: string;
  readonly to: string;
  readonly domains: readonly string[];
}

/**
 * Makes a function that asks the role managers of an enforcer with the role links of `rules`. The enforcer is made at
 * the first call. The application may give all of its enforcers the same role manager, so call the function before
 * another enforcer is made.
 */
export function roleAsker(
  model: Model,
  rules: readonly Rule[],
  configureEnforcer: ConfigureEnforcer | undefined,
): (question: RoleQuestion) => Promise<boolean> {
  let enforcer: Promise<Enforcer> | undefined;
  return async ({ ptype, from, to, domains }) => {
    enforcer ??= buildInMemoryEnforcer(
      model,
      rules.filter((rule) => rule.ptype.startsWith('g')),
      configureEnforcer,
    );
    const roles = (await enforcer).getModel().model.get('g')?.get(ptype)?.rm;
    return roles !== undefined && (await roles.hasLink(from, to, ...domains));
  };
}

/** Casbin's own functions that a matcher may call. */
const BUILT_IN: ReadonlySet<string> = new Set(FunctionMap.loadFunctionMap().getFunctions().keys());

/** The functions that a matcher may call once `configureEnforcer` has run: Casbin's own and those it added. */
export async function listFunctions(
  model: Model,
  configureEnforcer?: ConfigureEnforcer,
): Promise<ReadonlySet<string>> {
  if (configureEnforcer === undefined) return BUILT_IN;
  const enforcer = await newEnforcer(copyModel(model));
  await configureEnforcer(enforcer);
  return new Set(functionsOf(enforcer).keys());
}

/** The functions that the matcher of an enforcer may call. Casbin keeps them protected, with no method to read them. */
export function functionsOf(enforcer: Enforcer): ReadonlyMap<string, unknown> {
  const functions: FunctionMap = Reflect.get(enforcer, 'fm');
  return functions.getFunctions();
}

class InMemoryAdapter implements Adapter {
  readonly #rules: readonly Rule[];

  constructor(rules: readonly Rule[]) {
    this.#rules = rules;
  }

  async loadPolicy(model: Model): Promise<void> {
    for (const { ptype, values } of this.#rules) {
      // The same arrays, not copies: Casbin changes their order, but never writes into one.
      model.model
        .get(ptype.charAt(0))
        ?.get(ptype)
        ?.policy.push(values as string[]);
    }
  }

  savePolicy = refuseToSave;
  addPolicy = refuseToSave;
  removePolicy = refuseToSave;
  removeFilteredPolicy = refuseToSave;
}

function refuseToSave(): Promise<never> {
  return Promise.reject(new Error('This enforcer was made for verification; it saves nothing.'));
}
