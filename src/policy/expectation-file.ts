import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import * as v from 'valibot';
import type { Problem } from '../errors.ts';
import { explainUnreadable } from '../text.ts';
import type { Request } from './definition.ts';
import { PARTS, requestList, ruleList } from './definition-shape.ts';
import { fields, findMisshapenPlaces } from './issues.ts';
import { findPlace } from './place.ts';
import { parseFile } from './policy-file.ts';
import { type PlacedRule, toRule } from './rule.ts';

/** Requests that are decided together, on the policy and the rules that are given for them. */
export interface ExpectationGroup {
  /** The file that it is written in. */
  readonly file: string;
  /** The name of the test; null for requests that the file has beside its tests. */
  readonly name: string | null;
  /** Rules for this test alone, such as roles of a user. */
  readonly given: readonly PlacedRule[];
  readonly requests: readonly PlacedRequest[];
}

/** A request, what is expected of it, and where it is written. */
export interface PlacedRequest {
  readonly request: Request;
  readonly kind: 'allow' | 'deny' | 'never';
  readonly at: string;
}

/** What is in a file, and what is wrong with it. */
export interface LoadedExpectations {
  readonly groups: readonly ExpectationGroup[];
  readonly problems: readonly Problem[];
}

const text = v.string('must be a string: quote it');
const requests = v.optional(requestList);
const entries = { given: v.optional(ruleList), allow: requests, deny: requests };
const fileShape = fields(
  {
    ...entries,
    $schema: v.optional(text),
    tests: v.optional(
      v.array(
        fields({ ...entries, name: text }, 'must be an object with a name, given, allow and deny'),
        'must be a list of tests',
      ),
    ),
  },
  'must be an object with tests, or with given, allow and deny',
  (key) => (PARTS.includes(key) ? 'It belongs in the policy, not in a file of tests.' : null),
);

interface Test {
  readonly name?: string;
  readonly given?: readonly (readonly string[])[];
  readonly allow?: readonly Request[];
  readonly deny?: readonly Request[];
}

/** Reads a `.yaml` or `.json` file of expectations. Never throws: what is wrong is in `problems`. */
export async function readExpectationFile(file: string): Promise<LoadedExpectations> {
  const refuse = (code: Problem['code'], message: string) => ({
    groups: [],
    problems: [{ code, at: file, message }],
  });
  if (!['.yaml', '.yml', '.json'].includes(extname(file).toLowerCase())) {
    return refuse('POLICY_NOT_FOUND', 'this file ending is not known. Use one of .yaml, .yml, .json.');
  }
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (error) {
    return refuse(
      'POLICY_NOT_FOUND',
      `${explainUnreadable('file of tests', file, error)}. Correct the path.`,
    );
  }
  const { value, problems } = await parseFile(file, bytes);
  if (value === undefined) return { groups: [], problems };
  if (value === null) return refuse('OPTION_INVALID', NO_REQUESTS);
  const misshapen = findMisshapenPlaces(fileShape, file, value);
  if (misshapen.length > 0) return { groups: [], problems: [...problems, ...misshapen] };
  const groups = toGroups(file, value as object);
  return { groups, problems: [...problems, ...findNothing(file, value, groups)] };
}

const NO_REQUESTS = 'it has no requests. Write some under allow or deny.';

/** A file, or tests, without a request: they would pass, and prove nothing. */
function findNothing(file: string, value: unknown, groups: readonly ExpectationGroup[]): Problem[] {
  const tests = groups.filter(({ name }) => name !== null);
  const empty = tests.flatMap(({ requests }, index) => (requests.length > 0 ? [] : [['tests', index]]));
  return (groups.length > 0 ? empty : [[]]).map((path) => ({
    code: 'OPTION_INVALID',
    at: findPlace(value, path) ?? file,
    message: NO_REQUESTS,
  }));
}

/** The rules that are given for the file are given for each of its tests. */
function toGroups(file: string, value: Test & { readonly tests?: readonly Test[] }): ExpectationGroup[] {
  const shared = placeRules(file, value, ['given'], value.given);
  const own = { file, name: null, given: shared, requests: placeRequests(file, value, [], value) };
  const tests = (value.tests ?? []).map((test, index): ExpectationGroup => {
    const path = ['tests', index];
    const given = [...shared, ...placeRules(file, value, [...path, 'given'], test.given)];
    return { file, name: test.name ?? null, given, requests: placeRequests(file, value, path, test) };
  });
  return [...(own.requests.length > 0 ? [own] : []), ...tests];
}

type Path = readonly (string | number)[];

function placeRules(file: string, root: object, path: Path, given: Test['given'] = []): PlacedRule[] {
  return given.map((rule, index) => ({ ...toRule(rule), at: findPlace(root, [...path, index]) ?? file }));
}

function placeRequests(file: string, root: object, path: Path, test: Test): PlacedRequest[] {
  return (['allow', 'deny'] as const).flatMap((kind) =>
    (test[kind] ?? []).map((request, index) => {
      const at = findPlace(root, [...path, kind, index]) ?? file;
      return { request, kind, at };
    }),
  );
}
