import { expect, test } from 'vitest';
import { exitCodeFor } from '../../src/cli/exit-code.ts';
import type { IntegrityFinding, VerificationReport } from '../../src/index.ts';
import { ADDED_RULE, verification } from '../render/reports.fixture.ts';

const INTEGRITY: IntegrityFinding = {
  severity: 'warning',
  ids: [1],
  rule: ['p', 'a', 'b', 'c'],
  message: '',
};
const WARNING = { code: 'NOTHING_VERIFIED', count: 0, rules: [], message: '' } as const;

test.each<[string, Partial<VerificationReport>, number, number, number]>([
  ['nothing', {}, 0, 0, 0],
  ['a failure', { ok: false, drift: [ADDED_RULE] }, 1, 1, 1],
  ['drift', { drift: [ADDED_RULE] }, 3, 3, 0],
  ['drift that is counted only', { omitted: { failures: 0, drift: 2 } }, 3, 3, 0],
  ['a warning', { warnings: [WARNING] }, 0, 3, 0],
  ['a warning about a stored rule', { integrity: [INTEGRITY] }, 0, 3, 0],
])('the exit code for %s', (_, parts, onDrift, onWarning, onNone) => {
  const codes = (['drift', 'warning', 'none'] as const).map((failOn) =>
    exitCodeFor(verification(parts), { failOn }),
  );
  expect(codes).toEqual([onDrift, onWarning, onNone]);
});
