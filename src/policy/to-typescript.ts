import type { PolicyDefinition } from './definition.ts';

/** Writes a definition as a TypeScript module that exports it as `policy`, made by `definePolicy`. */
export function policyToTypeScript(definition: PolicyDefinition): string {
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

function printText(text: string): string {
  const inside = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
  return `'${inside}'`;
}
