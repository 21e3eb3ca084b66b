import { writeTemporary } from '../policy/temporary-file.ts';
import { problemsOf } from './refusal.fixture.ts';

export const LINES = {
  request: ['[request_definition]', 'r = sub, obj, act'],
  policy: ['[policy_definition]', 'p = sub, obj, act'],
  roles: ['[role_definition]', 'g = _, _'],
  effect: ['[policy_effect]', 'e = some(where (p.eft == allow))'],
  matchers: ['[matchers]', 'm = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act'],
};

/** A sound model but for what is changed; the matcher is on line 10. */
export function conf(changes: Partial<Record<keyof typeof LINES, readonly string[]>> = {}): string {
  return Object.values({ ...LINES, ...changes })
    .flat()
    .join('\n');
}

export function matcher(text: string): string {
  return conf({ matchers: ['[matchers]', `m = ${text}`] });
}

export async function problemsOfText(text: string | Buffer, options: object = {}) {
  const path = await writeTemporary('model.conf', text);
  const problems = await problemsOf({ model: path, ...options });
  return problems.map(({ code, at, message }) => ({ code, at: at.replace(path, 'model.conf'), message }));
}
