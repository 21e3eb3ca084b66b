import { readPolicy } from '../bootstrap/read-policy.ts';
import type { ClientLike } from '../database/client.ts';
import { createKysely } from '../database/dialect.ts';
import { Session } from '../database/session.ts';
import type { AnyTransaction } from '../database/transaction.ts';
import { PolicyChangeError, type Violation } from '../errors.ts';
import type { ResolvedOptions } from '../options/resolved-options.ts';
import { formatValue } from '../policy/rule.ts';
import { takeTurn } from '../tables/locks.ts';
import { decideAll } from '../verification/decide.ts';
import { explainer } from '../verification/explain-answer.ts';

/**
 * Makes a change in the transaction that is open on the client, and refuses it when something is allowed afterwards
 * that must never be. What was so before is not this change's fault. Such changes take turns, with bootstraps too.
 *
 * @throws PolicyChangeError
 */
export async function guardPromises<T>(
  client: ClientLike,
  options: ResolvedOptions,
  change: () => Promise<T>,
): Promise<T> {
  const never = options.promises.listed.filter(({ kind }) => kind === 'never').map(({ request }) => request);
  if (never.length === 0) return change();
  await takeTurn(client, options.ruleTable);
  const before = new Set((await findViolations(client, options, never)).map(({ request }) => request));
  const result = await change();
  const violated = (await findViolations(client, options, never)).filter(
    ({ request }) => !before.has(request),
  );
  if (violated.length === 0) return result;
  const list = violated.map(
    ({ request, reason }) => `  "${request.map(formatValue).join(', ')}" would be allowed: ${reason}`,
  );
  throw new PolicyChangeError(
    [
      `The change was refused: ${violated.length === 1 ? 'a request' : `${violated.length} requests`} would be allowed that must never be. Nothing was changed.`,
      ...list,
      'Change something else, take it out of the never of the definition, or give force: true with a reason.',
    ].join('\n'),
    violated,
  );
}

async function findViolations(
  client: ClientLike,
  options: ResolvedOptions,
  never: readonly (readonly string[])[],
): Promise<Violation[]> {
  const { model, configureEnforcer, defined } = options;
  // It runs on that client, in the transaction that is open there.
  const trx = createKysely(new Session(client)) as AnyTransaction;
  const { rules } = await readPolicy(trx, options);
  const answers = await decideAll(model, rules, never, configureEnforcer);
  if (answers.every(({ allowed }) => !allowed)) return [];
  const explain = explainer(model, rules, defined);
  return never.flatMap((request, index) => {
    const answer = answers[index];
    return answer?.allowed ? [{ request, ...explain(request, answer) }] : [];
  });
}
