import { type Remark, readPlace, tellRemark } from './remark.ts';

const COMMANDS = { error: 'error', warning: 'warning', note: 'notice' } as const;

/** Renders remarks as workflow commands of GitHub Actions, which shows them beside the lines that they are about. */
export function renderAnnotations(remarks: readonly Remark[]): string {
  return remarks.flatMap(renderAnnotation).join('\n');
}

function renderAnnotation(remark: Remark): string[] {
  const { level, at, code, details } = remark;
  if (level === 'pass') return [];
  const { file, line, column } = readPlace(at);
  const properties = [
    ...(file === null ? [] : [`file=${escapeProperty(file)}`]),
    ...(line === null ? [] : [`line=${line}`]),
    ...(column === null ? [] : [`col=${column}`]),
    `title=${escapeProperty(code)}`,
  ];
  const told = details === undefined ? tellRemark(remark) : `${tellRemark(remark)}\n${details}`;
  return [`::${COMMANDS[level]} ${properties.join(',')}::${escapeData(told)}`];
}

function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
