/** A remark on a place in a file, for a pull request. */
export interface Annotation {
  readonly level: 'error' | 'warning';
  /** `file`, `file:line` or `file:line:column`; anything else is part of the message. Null where it is about no place. */
  readonly at: string | null;
  readonly title: string;
  readonly message: string;
}

/** Renders remarks as workflow commands of GitHub Actions, which shows them beside the lines that they are about. */
export function renderAnnotations(annotations: readonly Annotation[]): string {
  return annotations.map(renderAnnotation).join('\n');
}

function renderAnnotation({ level, at, title, message }: Annotation): string {
  const { file, line, column } = readPlace(at ?? '');
  const told = file === null && at !== null ? `${at}: ${message}` : message;
  const properties = [
    ...(file === null ? [] : [`file=${escapeProperty(file)}`]),
    ...(line === null ? [] : [`line=${line}`]),
    ...(column === null ? [] : [`col=${column}`]),
    `title=${escapeProperty(title)}`,
  ];
  return `::${level} ${properties.join(',')}::${escapeData(told)}`;
}

/** Where a problem is, in parts. */
export interface PlaceParts {
  /** Null where it is in no file, as for an option. */
  readonly file: string | null;
  readonly line: number | null;
  readonly column: number | null;
}

/** Takes a place apart. Paths of options, as `policy.roles.a`, are in no file. */
export function readPlace(at: string): PlaceParts {
  const [, file, line, column] = /^(.+?\.(?:ya?ml|json|csv|conf))(?::(\d+))?(?::(\d+))?$/i.exec(at) ?? [];
  if (file === undefined) return { file: null, line: null, column: null };
  const number = (text: string | undefined) => (text === undefined ? null : Number(text));
  return { file, line: number(line), column: number(column) };
}

function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
