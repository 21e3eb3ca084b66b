import { addTo, getOrAdd } from '../collections.ts';
import { type PolicyDefinition, type RoleDefinition, requireDefinition } from './definition.ts';
import { type Rule, toLine } from './rule.ts';
import { RuleSet } from './rule-set.ts';

/** Which rules the role form of a definition can express: `p` with role, resource, action, and `g` with two roles. */
export interface RoleForm {
  readonly permissions: boolean;
  readonly inheritance: boolean;
}

interface RoleParts {
  readonly inherits: string[];
  readonly permissions: Map<string, string[]>;
}

/**
 * Writes rules as a definition that compiles to them: as roles if possible, the others as raw rules. A rule that is
 * given twice is written once.
 */
export function toDefinition(rules: readonly Rule[], form: RoleForm): PolicyDefinition {
  const all = new RuleSet(rules);
  const distinct = rules.filter((rule, position) => all.indexOf(rule) === position);
  const isPermission = ({ ptype, values }: Rule) =>
    form.permissions && ptype === 'p' && values.length === 3 && hasNames(values);
  const isLink = ({ ptype, values }: Rule) =>
    form.inheritance && ptype === 'g' && values.length === 2 && hasNames(values);
  const roles = new Map<string, RoleParts>();
  const roleCalled = (name: string) =>
    getOrAdd(roles, name, () => ({ inherits: [], permissions: new Map() }));
  const raw: string[][] = [];
  for (const rule of distinct) {
    const [first = '', second = '', third = ''] = rule.values;
    if (isPermission(rule)) {
      addTo(roleCalled(first).permissions, second, third);
    } else if (isLink(rule)) {
      roleCalled(first).inherits.push(second);
      roleCalled(second);
    } else raw.push(toLine(rule));
  }
  return {
    // Not by assignment: a role may be called __proto__.
    ...(roles.size > 0 && {
      roles: Object.fromEntries([...roles].map(([name, role]) => [name, toRole(role)])),
    }),
    ...(raw.length > 0 && { rules: raw }),
  };
}

/** A role form has no empty names. */
function hasNames(values: readonly string[]): boolean {
  return values.every((value) => value !== '');
}

function toRole({ inherits, permissions }: RoleParts): RoleDefinition {
  return {
    ...(inherits.length > 0 && { inherits }),
    ...(permissions.size > 0 && { permissions: Object.fromEntries(permissions) }),
  };
}

/**
 * Writes a definition as YAML that `loadPolicyFile` reads back as it is. Lists of texts take one line each.
 *
 * @throws InvalidOptionsError for a value that is not a definition
 */
export async function policyToYaml(definition: PolicyDefinition): Promise<string> {
  requireDefinition(definition);
  const { Document, isScalar, visit } = await import('yaml');
  const document = new Document(definition, { aliasDuplicateObjects: false });
  visit(document, {
    Seq(_key, node) {
      if (node.items.every((item) => isScalar(item))) node.flow = true;
    },
    Pair(_key, { key }) {
      // Without quotes it would merge another role into this one.
      if (isScalar(key) && key.value === '<<') key.type = 'QUOTE_DOUBLE';
    },
  });
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

/**
 * Writes a definition as a TypeScript module that exports it as `policy`, made by `definePolicy`.
 *
 * @throws InvalidOptionsError for a value that is not a definition
 */
export function policyToTypeScript(definition: PolicyDefinition): string {
  requireDefinition(definition);
  return `import { definePolicy } from 'casbin-bootstrap';\n\nexport const policy = definePolicy(${print(definition, '')});\n`;
}

function print(value: unknown, indent: string): string {
  if (typeof value === 'string') return printText(value);
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    if (value.every((item) => typeof item === 'string')) return `[${value.map(printText).join(', ')}]`;
    return block(
      '[',
      ']',
      value.map((item) => print(item, inner)),
      indent,
    );
  }
  const entries = Object.entries(Object(value)).map(
    ([key, entry]) => `${printKey(key)}: ${print(entry, inner)}`,
  );
  return entries.length === 0 ? '{}' : block('{', '}', entries, indent);
}

function block(open: string, close: string, items: readonly string[], indent: string): string {
  return `${open}\n${items.map((item) => `${indent}  ${item},\n`).join('')}${indent}${close}`;
}

/** As a plain key, `__proto__` would set the prototype. */
function printKey(key: string): string {
  if (key === '__proto__') return `['__proto__']`;
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : printText(key);
}

/** A text as code of JavaScript, in single quotes. */
export function printText(text: string): string {
  const inside = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
  return `'${inside}'`;
}
