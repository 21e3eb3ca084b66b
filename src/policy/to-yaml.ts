import type { PolicyDefinition } from './definition.ts';

/** Writes a definition as YAML that `loadPolicyFile` reads back as it is. Lists of texts take one line each. */
export async function policyToYaml(definition: PolicyDefinition): Promise<string> {
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
