/** What a refused request is answered with, by RFC 9457. It says nothing about rules, roles or reasons. */
export interface ProblemDocument {
  /** Always `about:blank`: the problem is what the status says, and nothing else. */
  readonly type: 'about:blank';
  /** The name of the status. */
  readonly title: string;
  /** The status of the response. */
  readonly status: 401 | 403 | 503;
}

/** The media type of such a document. */
export const PROBLEM_TYPE = 'application/problem+json';

const TITLES = { 401: 'Unauthorized', 403: 'Forbidden', 503: 'Service Unavailable' } as const;

export function problemDocument(status: ProblemDocument['status']): ProblemDocument {
  return { type: 'about:blank', title: TITLES[status], status };
}
