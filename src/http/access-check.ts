import { formatText } from '../policy/rule.ts';
import { kindOf, reasonOf } from '../text.ts';
import type { DecidingEnforcer, Permission, RequestParts } from './access-options.ts';
import { requireFittingModel } from './access-shape.ts';

/** The response to a request that is refused. */
export interface Refusal {
  readonly document: ProblemDocument;
  readonly headers: Readonly<Record<string, string>>;
}

/** The log for the reasons of refusals, which the response does not contain. */
export interface RefusalLog {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Resolves to null if the request is allowed. Throws what the application's own functions throw. */
export type AccessCheck<Request> = (
  request: Request,
  permission: Permission,
  log: RefusalLog,
) => Promise<Refusal | null>;

/**
 * Creates the check that all frameworks use: the enforcer must allow the request, and must be up to date.
 *
 * @throws InvalidOptionsError for a model whose requests have other values than those that are known here
 */
export function createAccessCheck<Request>(
  enforcer: DecidingEnforcer,
  parts: RequestParts<Request>,
): AccessCheck<Request> {
  requireFittingModel(enforcer, parts);
  return async (request, permission, log) => {
    const subject = await parts.subject(request);
    if (isNobody(subject)) return refuse(401, parts.challenge);
    const domain = parts.domain === undefined ? [] : [await parts.domain(request)];
    const [resource, action] = permission;
    const told = { subject, ...(domain.length > 0 && { domain: domain[0] }), resource, action };
    try {
      requireCurrent(enforcer);
      const values = [subject, ...domain, resource, action];
      if (!domain.some(isNobody) && (await enforcer.enforce(...requireNames(values)))) return null;
    } catch (error) {
      const message = `A request was refused because it could not be decided: ${reasonOf(error)}`;
      log.error({ event: 'request_undecided', ...told, err: error }, message);
      return refuse(503);
    }
    log.info(
      { event: 'request_denied', ...told },
      `${formatText(subject)} may not ${formatText(action)} ${formatText(resource)}`,
    );
    return refuse(403);
  };
}

/** An empty name counts as none, because Casbin would compare it with an empty value of a rule. */
function isNobody(found: string | null | undefined): found is '' | null | undefined {
  return found === undefined || found === null || found === '';
}

function requireCurrent({ state }: DecidingEnforcer): void {
  if (state === undefined || state.status === 'current') return;
  throw new Error(`the live enforcer is ${state.status}`, { cause: state.error });
}

/** Only strings are accepted: in JavaScript, which matchers use, `7 == "7"` and `[7] == "7"` are true. */
function requireNames(values: readonly unknown[]): unknown[] {
  const other = values.filter((value) => typeof value !== 'string');
  if (other.length === 0) return [...values];
  throw new TypeError(`all values of a request must be strings, and one of them is ${kindOf(other[0])}`);
}

/** The answer to a refused request, as of RFC 9457. It does not contain rules, roles or reasons. */
export interface ProblemDocument {
  /** Always `about:blank`: the problem is what the status says, and nothing else. */
  readonly type: 'about:blank';
  /** The name of the status. */
  readonly title: string;
  /** The status of the response. */
  readonly status: 401 | 403 | 503;
}

/** The media type of such a document. */
const PROBLEM_TYPE = 'application/problem+json';

const TITLES = { 401: 'Unauthorized', 403: 'Forbidden', 503: 'Service Unavailable' } as const;

/** Refuses a request with that status. */
export function refuse(status: ProblemDocument['status'], challenge?: string): Refusal {
  const headers = { 'content-type': PROBLEM_TYPE, ...(challenge && { 'www-authenticate': challenge }) };
  return { document: { type: 'about:blank', title: TITLES[status], status }, headers };
}
