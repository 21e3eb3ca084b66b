import { newModelFromString } from 'casbin';
import { decideAll } from '../../dist/src/verification/decide.js';
import { race } from '../measure.js';
import { enforcerWith } from '../peers/plain-enforcer.js';
import { RBAC } from '../policies.js';
import { toRatio, toRows } from '../result.js';
import { shapes } from '../shapes.js';

const OURS = 'casbin-bootstrap';
const PLAIN = 'enforceSync, scaled';
const ASYNC = 'enforce, scaled';
const BATCH = 'batchEnforce, scaled';

export default {
  name: 'verify',
  title: 'Decide many requests over many rules',
  about:
    'What verification does: every request decided by Casbin’s enforcer, building it included, beside a plain enforcer that is there already. The plain one decides a sample, spread over all requests, some of them denied, and its time is scaled to all of them; the answers of both are compared on the whole sample.',
  chart: 'bars',
  counted: 'requests',
  async run({ scale, progress }) {
    const result = { rows: [], ratios: [] };
    for (const { name, rules, requests, atLeast } of shapes(scale)) {
      progress(`${name}: ${requests.length} requests over ${rules.length} rules`);
      const times = await race(await contenders(rules, requests), { rounds: scale.rounds(rules.length) });
      result.rows.push(...toRows({ work: name, size: requests.length }, times));
      result.ratios.push(
        toRatio({
          what: `${name}, ${requests.length.toLocaleString('en-US')} requests: enforceSync to ours`,
          part: times[PLAIN],
          whole: times[OURS],
          atLeast,
        }),
      );
    }
    return result;
  },
};

async function contenders(rules, requests) {
  const sample = takeSample(requests, rules.length >= 50_000 ? 4 : 20);
  const sampled = sample.map((position) => requests[position]);
  const plain = await enforcerWith(RBAC, rules);
  const expected = sampled.map((request) => plain.enforceSync(...request));
  if (expected.every((allowed) => allowed)) throw new Error('The sample holds no request that is denied.');
  const scaled = (name, decide, rounds) => ({
    name,
    rounds,
    run: async () => {
      const started = performance.now();
      const answers = await decide();
      const overriddenDuration = ((performance.now() - started) / sampled.length) * requests.length;
      return { overriddenDuration, answers };
    },
    check: ({ answers }) => requireSame(answers, expected),
  });
  return [
    {
      name: OURS,
      run: () => decideAll(newModelFromString(RBAC), rules, requests),
      check: (answers) => {
        if (answers.length !== requests.length) throw new Error('Not every request was decided.');
        requireSame(
          sample.map((position) => answers[position].allowed),
          expected,
        );
      },
    },
    scaled(PLAIN, () => sampled.map((request) => plain.enforceSync(...request)), 3),
    scaled(ASYNC, () => Promise.all(sampled.map((request) => plain.enforce(...request))), 1),
    scaled(BATCH, () => plain.batchEnforce(sampled), 1),
  ];
}

/** Pairs of neighbours, an even position and the odd one after it, at even distances. */
function takeSample({ length }, count) {
  const pairs = count / 2;
  return Array.from({ length: pairs }, (_, n) => {
    const even = Math.floor(((n + 0.5) * length) / pairs / 2) * 2;
    return [even, even + 1];
  }).flat();
}

function requireSame(answers, expected) {
  const same = answers.length === expected.length && answers.every((answer, n) => answer === expected[n]);
  if (!same) throw new Error('The answers differ from those of a plain enforcer.');
}
