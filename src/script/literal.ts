/** A text as an SQL literal that is read the same under any setting of `standard_conforming_strings`. */
export function literal(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`;
  return text.includes('\\') ? `E${quoted}` : quoted;
}

/** A list of texts as an SQL expression; null stands for itself. */
export function arrayLiteral(texts: readonly string[]): string {
  return `array[${texts.map(literal).join(', ')}]`;
}
