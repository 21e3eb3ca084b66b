import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { InvalidOptionsError, type Problem } from '../errors.ts';
import { decodeUtf8, explainUnreadable, isConnectionString, kindOf, NOT_UTF8 } from '../text.ts';
import {
  findBrokenHierarchies,
  findConflicts,
  findDuplicates,
  findEmptyNames,
  findUndefinedRoles,
  findUnstorable,
} from './check.ts';
import { compilePolicy } from './compile.ts';
import { parseCsv } from './csv.ts';
import type { PolicyDefinition } from './definition.ts';
import { copyPlaces, MODULE_ENDINGS, type Parsed, syntaxProblem } from './place.ts';
import { RuleSet } from './rule-set.ts';
import { checkTenantNames } from './tenant-names.ts';

const ENDINGS = ['.yaml', '.yml', '.json', '.csv'];
const KNOWN_ENDINGS = ENDINGS.join(', ');

/** A definition of the right shape, and other problems of the file; or why there is no definition. */
export interface LoadedPolicy {
  readonly definition: PolicyDefinition | null;
  readonly problems: readonly Problem[];
}

/**
 * Reads a policy from a file: YAML or JSON of the same shape as the argument of `definePolicy`, or Casbin's CSV.
 * A file may also hold expectations alone, to be spread into a definition.
 *
 * @throws InvalidOptionsError with every problem of the file, each with line and column
 */
export async function loadPolicyFile(path: string): Promise<PolicyDefinition> {
  if (typeof path !== 'string') {
    const message = `must be the path of a ${KNOWN_ENDINGS} file, as a string (it is ${kindOf(path)}).`;
    throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: 'path', message }]);
  }
  const { definition, problems } = await readPolicyFile(path);
  const faults = definition === null ? [] : findPolicyFaults(definition);
  if (definition === null || problems.length + faults.length > 0) {
    throw new InvalidOptionsError([...problems, ...faults]);
  }
  return definition;
}

/** What is wrong with a definition under any model. */
function findPolicyFaults(definition: PolicyDefinition): Problem[] {
  const defined = new RuleSet(compilePolicy(definition));
  const { problems, sound } = checkTenantNames(definition, defined, findUnstorable);
  return [
    ...problems,
    ...findEmptyNames(definition),
    ...findUndefinedRoles(definition),
    ...findConflicts(definition),
    ...findBrokenHierarchies(sound),
    ...findDuplicates(sound),
    ...findUnstorable(sound.rules),
  ];
}

/** Reads a policy file and checks its shape, not its content. Never throws: what is wrong is in `problems`. */
export function readPolicyFile(path: string): Promise<LoadedPolicy> {
  return readPolicyBy(path, () => readFile(path), describeUnreadablePolicy);
}

/**
 * The same for a policy that is kept elsewhere.
 *
 * @param path names it in messages, and tells its form by its ending
 */
export async function readPolicyBy(
  path: string,
  read: () => Promise<Uint8Array>,
  describeUnreadable: (path: string, error: unknown) => Problem,
): Promise<LoadedPolicy> {
  if (isConnectionString(path)) return { definition: null, problems: [NO_DATABASE] };
  if (!ENDINGS.includes(extname(path).toLowerCase()))
    return { definition: null, problems: [describeUnknownEnding(path)] };
  let bytes: Uint8Array;
  try {
    bytes = await read();
  } catch (error) {
    return { definition: null, problems: [describeUnreadable(path, error)] };
  }
  const { value, problems } = await parseFile(path, bytes);
  if (value === null) return { definition: null, problems: [...problems, emptyPolicy(`${path}:1:1`)] };
  const { checkFileShape } = await import('./definition-shape.ts');
  const misshapen = value === undefined ? [] : checkFileShape(path, value);
  // The rest is checked also when there is an unknown key.
  const usable = value !== undefined && misshapen.every(({ code }) => code === 'OPTION_UNKNOWN');
  return { definition: usable ? withoutSchemaKey(value) : null, problems: [...problems, ...misshapen] };
}

/** Parses a file by its ending. A parser is imported only when there is a file for it. */
export async function parseFile(path: string, bytes: Uint8Array): Promise<Parsed> {
  const text = decodeUtf8(bytes);
  if (text === null) return { value: undefined, problems: [syntaxProblem(path, NOT_UTF8)] };
  switch (extname(path).toLowerCase()) {
    case '.csv':
      return parseCsv(path, text);
    case '.json':
      return (await import('./json.ts')).parseJson(path, text);
    default:
      return (await import('./yaml.ts')).parseYaml(path, text);
  }
}

const NO_DATABASE: Problem = {
  code: 'OPTION_INVALID',
  at: 'policy',
  message:
    'must be a policy or the path of a file with one, not a connection string. A function that reads the policy of a database takes a pool; on the command line, write database, and give the string by --database-url.',
};

function describeUnknownEnding(path: string): Problem {
  if (/\n|^\s*\{/.test(path)) {
    const message =
      'must be a policy or the path of a file with one, not the text of a file. Give the path, or parse the text.';
    return { code: 'OPTION_INVALID', at: 'policy', message };
  }
  const message = MODULE_ENDINGS.includes(extname(path))
    ? `a module can't be read here. Give the definition that it exports, or a file that ends in ${KNOWN_ENDINGS}.`
    : `this file ending is not known. Use one of ${KNOWN_ENDINGS}; on the command line also a module, ${MODULE_ENDINGS.join(', ')}.`;
  return { code: 'POLICY_NOT_FOUND', at: path, message };
}

/** The problem of a policy without rules. */
export function emptyPolicy(at: string): Problem {
  const message =
    'the policy has no rules. Define some, or give policy: null for a database whose policy is not defined here.';
  return { code: 'POLICY_EMPTY', at, message };
}

/** Removes `$schema`, which is for editors. The rest was checked: it has the shape of a definition. */
function withoutSchemaKey(content: unknown): PolicyDefinition {
  const whole = content as PolicyDefinition & { $schema?: string };
  const { $schema: _, ...definition } = whole;
  copyPlaces(whole, definition);
  return definition;
}

function describeUnreadablePolicy(path: string, error: unknown): Problem {
  const message = `${explainUnreadable('policy file', path, error)}. Give the path of a ${KNOWN_ENDINGS} file.`;
  return { code: 'POLICY_NOT_FOUND', at: path, message };
}
