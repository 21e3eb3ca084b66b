import type { DatabaseFinding, Diagnosis } from '../inspect/database-finding.ts';
import { escapeControls } from '../text.ts';
import { type Colors, count, type DatabaseLook, paint } from './phrases.ts';
import { type Remark, remark } from './remark.ts';

const SIGNS = {
  fine: ['✓', 'green'],
  warning: ['!', 'yellow'],
  failure: ['✗', 'red'],
} as const;

/** How many findings of each check and status are shown; the diagnosis itself has all of them. */
const SHOWN = 20;

/** Renders the findings in a database, one a line, with the statements that fix them. No line break at the end. */
export function renderDiagnosis({ findings }: Diagnosis, look: DatabaseLook): string {
  const of = (status: DatabaseFinding['status']) => findings.filter((finding) => finding.status === status);
  const alike = new Map<string, number>();
  const shown = findings.filter(({ check, status }) => {
    const kind = `${status} ${check}`;
    const before = alike.get(kind) ?? 0;
    alike.set(kind, before + 1);
    return before < SHOWN;
  });
  const hidden = findings.length - shown.length;
  return [
    `Database: ${look.where}`,
    shown.map((finding) => renderFinding(finding, look)).join('\n'),
    ...(hidden > 0 ? [`${count(hidden, 'more finding')} of these kinds.`] : []),
    `${count(of('failure').length, 'failure')}, ${count(of('warning').length, 'warning')}.`,
  ].join('\n\n');
}

const LEVELS = { fine: 'pass', warning: 'warning', failure: 'error' } as const;

/** The same as remarks, all of them. */
export function listDiagnosisRemarks({ findings }: Diagnosis): Remark[] {
  return findings.map(({ check, status, message, remedies }) => {
    const others = remedies.filter((remedy) => !message.includes(remedy));
    const code = check.toUpperCase().replaceAll(' ', '_');
    return remark(LEVELS[status], code, [message, ...others].join('\n'), check);
  });
}

function renderFinding({ check, status, message, remedies }: DatabaseFinding, look: Colors): string {
  const [sign, color] = SIGNS[status];
  // The message of an error may have lines of its own.
  const lines = [...message.split('\n'), ...remedies.filter((remedy) => !message.includes(remedy))];
  const [first = '', ...others] = lines.map(escapeControls);
  const rest = others.map((line) => `\n      ${line.trimStart()}`).join('');
  return `  ${paint(color, sign, look)} ${check}: ${first}${rest}`;
}
