// Deciding n requests over m rules: a plain enforcer, which evaluates the matcher for every rule, beside ours,
// which is given those that can match. Both in this run; the plain one on a sample, as all of it would take hours.
import { readFile } from 'node:fs/promises';
import { newEnforcer, newModelFromString, StringAdapter } from 'casbin';
import { Bench } from 'tinybench';
import { decideAll } from '../dist/src/verification/decide.js';

const MODEL = await readFile(new URL('../model/rbac_model.conf', import.meta.url), 'utf8');
const RULES = 10_000;
const REQUESTS = 10_000;
const SAMPLE = 20;

const rules = Array.from({ length: RULES }, (_, index) => ({
  ptype: 'p',
  values: [`role${index % 100}`, `resource${index}`, 'read'],
}));
// Every other request is denied, for which a plain enforcer has to go through all rules.
const requests = Array.from({ length: REQUESTS }, (_, index) => [
  `role${(index + (index % 2)) % 100}`,
  `resource${index}`,
  'read',
]);
const step = REQUESTS / SAMPLE;
const sample = Array.from({ length: SAMPLE }, (_, index) => requests[index * step + (index % 2)]);

const model = newModelFromString(MODEL);
const text = rules.map(({ values }) => ['p', ...values].join(', ')).join('\n');
const plain = await newEnforcer(newModelFromString(MODEL), new StringAdapter(text));
const decideSample = () => sample.map((request) => plain.enforceSync(...request));

const ours = await decideAll(model, rules, requests);
const expected = decideSample();
const agree = sample.every((request, index) => ours[requests.indexOf(request)].allowed === expected[index]);
if (!agree) throw new Error('The answers differ.');

const bench = new Bench({ iterations: 5, warmupIterations: 1, time: 0, warmupTime: 0 });
bench.add('plain', decideSample);
bench.add('ours', () => decideAll(model, rules, requests));
await bench.run();

const median = (name) => bench.getTask(name).result.latency.p50;
const plainMs = (median('plain') / sample.length) * REQUESTS;
const oursMs = median('ours');
const shown = (ms) => `${Math.round(ms).toLocaleString('en-US')} ms`;
console.log(
  `${REQUESTS.toLocaleString('en-US')} requests over ${RULES.toLocaleString('en-US')} rules, medians of 5 rounds`,
);
console.log(`  plain enforceSync  ${shown(plainMs)}, scaled from ${sample.length} requests`);
console.log(`  ours               ${shown(oursMs)}, building the enforcer included`);
console.log(
  `  ${Math.round(plainMs / oursMs)} times faster, the same answers on all ${sample.length} sampled requests`,
);
