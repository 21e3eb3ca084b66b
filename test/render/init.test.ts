import { expect, test } from 'vitest';
import { listInitRemarks, renderInit } from '../../src/render/init.ts';
import { renderCompact } from '../../src/render/remark-formats.ts';

const REPORT = {
  created: ['model.conf', 'policy.yaml'],
  changed: ['package.json'],
  kept: ['casbin-bootstrap.config.ts'],
  notes: ['The name a\u009b is new.'],
  next: ['npm install', 'npx casbin-bootstrap lint'],
};

test('what was done to a project is listed, and then what to run next', () => {
  expect(renderInit(REPORT)).toBe(
    [
      'Created:\n  model.conf\n  policy.yaml',
      'Changed:\n  package.json',
      'Left as they are:\n  casbin-bootstrap.config.ts',
      'The name a\\u009b is new.',
      'Next:\n  npm install\n  npx casbin-bootstrap lint',
    ].join('\n\n'),
  );
  expect(renderInit({ ...REPORT, changed: [], kept: [], notes: [] })).not.toMatch(/Changed|Left/);
});

test('what was done to a project is a note each, which names its file', () => {
  const remarks = listInitRemarks(REPORT);
  expect(renderCompact(remarks).split('\n')).toEqual([
    'model.conf: created',
    'policy.yaml: created',
    'package.json: changed',
    'casbin-bootstrap.config.ts: left as it is',
    'The name a\\u009b is new.',
    'next: npm install',
    'next: npx casbin-bootstrap lint',
  ]);
  expect(remarks.map(({ level, code }) => [level, code])).toEqual([
    ['note', 'FILE_CREATED'],
    ['note', 'FILE_CREATED'],
    ['note', 'FILE_CHANGED'],
    ['note', 'FILE_KEPT'],
    ['note', 'NOTE'],
    ['note', 'NEXT'],
    ['note', 'NEXT'],
  ]);
});
