import { newModelFromString } from 'casbin';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { reachableScope } from '../../src/casbin/scope.ts';
import type {
  DriftFinding,
  IntegrityFinding,
  PolicyDefinition,
  RowId,
  Rule,
  VerificationReport,
} from '../../src/index.ts';
import { type Answer, decideAll } from '../../src/verification/decide.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { LAYOUTS } from '../tables/layouts.fixture.ts';
import { openDatabase, verifyTwice } from './large-table.fixture.ts';
import { world } from './random-model.fixture.ts';
import { rule } from './verify.fixture.ts';

const ALLOW = 'some(where (p.eft == allow))';
const DENY_OVERRIDE = `${ALLOW} && !some(where (p.eft == deny))`;

/** Where the names that a definition and its requests begin with do not lead to all that takes part. */
interface Hazard {
  readonly what: string;
  readonly text: string;
  /** A role definition that only a Model can have. */
  readonly roles?: string;
  readonly defined: readonly string[];
  readonly stored: readonly string[];
  readonly never: string;
  /** Who is let in, or kept out. */
  readonly found: string | null;
}

const HAZARDS: readonly Hazard[] = [
  {
    what: 'a role link that begins at a literal, and allows',
    text: modelText({ m: '(g(r.sub, p.sub) || g("everyone", p.sub)) && r.obj == p.obj && r.act == p.act' }),
    defined: ['p, admin, data, write', 'p, user, data, read'],
    stored: ['p, admin, data, write', 'p, user, data, read', 'g, everyone, admin'],
    never: 'user, data, write',
    found: 'never user, data, write: allow',
  },
  {
    what: 'a role link that begins at a literal, and denies',
    text: modelText({
      p: 'sub, obj, act, eft',
      e: DENY_OVERRIDE,
      m: '(g(r.sub, p.sub) || g("everyone", p.sub)) && r.obj == p.obj && r.act == p.act',
    }),
    defined: ['p, user, data, read, allow', 'p, banned, data, read, deny'],
    stored: ['p, user, data, read, allow', 'p, banned, data, read, deny', 'g, everyone, banned'],
    never: 'nobody, data, read',
    found: 'drift user, data, read: deny',
  },
  {
    what: 'a role link that begins at the subject of a rule',
    text: modelText({ m: 'g(p.sub, r.sub) && r.obj == p.obj && r.act == p.act' }),
    defined: ['p, user, data, read', 'p, admin, data, write'],
    stored: ['p, user, data, read', 'p, admin, data, write', 'p, x, data, write', 'g, x, user'],
    never: 'user, data, write',
    found: 'never user, data, write: allow',
  },
  {
    what: 'a role link that begins at the resource of a rule',
    text: modelText({
      g: ['g = _, _', 'g2 = _, _'],
      m: 'g(r.sub, p.sub) && g2(p.obj, r.obj) && r.act == p.act',
    }),
    defined: ['p, user, data, read', 'p, user, logs, list'],
    stored: [
      'p, user, data, read',
      'p, user, logs, list',
      'p, user, files, read',
      'g2, files, middle',
      'g2, middle, logs',
    ],
    never: 'user, logs, read',
    found: 'never user, logs, read: allow',
  },
  {
    what: 'a role link that begins at the resource of a rule, among those of subjects',
    text: modelText({ m: 'g(r.sub, p.sub) && g(p.obj, r.obj) && r.act == p.act' }),
    defined: ['p, user, data, read', 'p, user, logs, list'],
    stored: [
      'p, user, data, read',
      'p, user, logs, list',
      'p, user, files, read',
      'g, files, middle',
      'g, middle, logs',
    ],
    never: 'user, logs, read',
    found: 'never user, logs, read: allow',
  },
  {
    what: 'a role link that begins at an expression',
    text: modelText({ m: 'g(r.sub + "s", p.sub) && r.obj == p.obj && r.act == p.act' }),
    defined: ['p, admin, data, write', 'p, user, data, read'],
    stored: ['p, admin, data, write', 'p, user, data, read', 'g, users, admin'],
    never: 'user, data, write',
    found: 'never user, data, write: allow',
  },
  {
    what: 'a role link that begins at what a function returns',
    text: modelText({ m: 'g(keyGet(r.sub, "/*"), p.sub) && r.obj == p.obj && r.act == p.act' }),
    defined: ['p, admin, data, write', 'p, user, data, read'],
    stored: ['p, admin, data, write', 'p, user, data, read', 'g, ann, admin'],
    never: '/ann, data, write',
    found: 'never /ann, data, write: allow',
  },
  {
    what: 'a role definition that is called without a name of the usual kind',
    text: modelText({ m: 'r.sub == p.sub && gate(r.obj, p.obj) && r.act == p.act' }),
    roles: 'gate',
    defined: ['p, user, data, read', 'p, admin, logs, read'],
    stored: ['p, user, data, read', 'p, admin, logs, read', 'gate, logs, middle', 'gate, middle, data'],
    never: 'user, logs, read',
    found: 'never user, logs, read: allow',
  },
  {
    what: 'an inherited role without a name, and no rule but others’',
    text: modelText({ m: 'g(r.sub, p.sub)' }),
    defined: ['g, user, guest'],
    stored: ['g, user, guest', 'g, guest, ', 'p, x, data, read'],
    never: 'user, data, write',
    found: null,
  },
  {
    what: 'a priority that is no number, and mixes up the order of the others',
    text: modelText({ p: 'sub, obj, act, eft, priority', e: 'priority(p.eft) || deny' }),
    defined: ['p, user, data, read, deny, 1', 'p, user, data, read, allow, 2'],
    stored: [
      'p, user, data, read, allow, 2',
      'p, x, data, read, allow, high',
      'p, user, data, read, deny, 1',
    ],
    never: 'nobody, data, read',
    found: 'drift user, data, read: allow',
  },
  {
    what: 'a role link that begins in the text of a rule',
    text: modelText({ m: 'r.obj == p.obj && eval(p.sub) && r.act == p.act' }),
    defined: ['p, g("everyone","admin"), data, read'],
    stored: ['p, g("everyone","admin"), data, read', 'g, everyone, admin'],
    never: 'user, data, read',
    found: 'never user, data, read: allow',
  },
  {
    what: 'the order of subjects, which a link between others changes',
    text: modelText({ p: 'sub, obj, act, eft', e: 'subjectPriority(p.eft) || deny' }),
    defined: ['p, user, data, read, allow', 'p, admin, data, read, deny', 'g, admin, user'],
    stored: ['g, x, y, z', 'p, user, data, read, allow', 'p, admin, data, read, deny', 'g, admin, user'],
    never: 'nobody, data, read',
    found: 'drift admin, data, read: allow',
  },
  {
    what: 'a role definition that remembers what it said of a rule for others',
    text: modelText({ m: 'g(r.obj, p.obj) && g(r.sub, p.sub) && r.act == p.act' }),
    defined: ['p, y, o, read'],
    stored: ['p, z, x,y, read', 'g, o, x,y', 'p, y, o, read'],
    never: 'o,x, o, read',
    found: 'never o,x, o, read: allow',
  },
  {
    what: 'a name that can’t be stored',
    text: modelText(),
    defined: ['p, user, data, read'],
    stored: ['p, user, data, read', 'p, x, data, read'],
    never: 'a\0b, data, read',
    found: null,
  },
];

describe('a report on a part of a table says what one on all of it says, with', () => {
  const cases = LAYOUTS.flatMap((layout) =>
    HAZARDS.map((hazard) => ({ ...hazard, layout, layoutName: layout.name })),
  );

  test.each(cases)(
    '$what, in $layoutName',
    async ({ text, roles, defined, stored, never, found, layout }) => {
      const [db, table] = await openDatabase(layout);
      const model = newModelFromString(text);
      if (roles !== undefined) model.addDef('g', roles, '_, _');

      const { part, whole } = await verifyTwice(
        db,
        table,
        model,
        defined.map(toRule),
        { never: [never.split(', ')] },
        stored.map(toRule),
      );

      expect(decisions(part.report)).toEqual(decisions(whole.report));
      const differing = decisions(part.report).differing.map(
        ({ kind, request, actual }) => `${kind} ${request.join(', ')}: ${actual}`,
      );
      if (found === null) expect(differing).toEqual([]);
      else expect(differing).toContain(found);
    },
  );
});

test('a table that may hold links which Casbin’s role manager can’t load is read whole', () => {
  const text = modelText({ g: ['g = _, _, _, _'], m: 'r.sub == p.sub && r.obj == p.obj && r.act == p.act' });

  expect(reachableScope(newModelFromString(text), [], () => [])).toEqual({ kind: 'whole' });
});

function toRule(line: string): Rule {
  const [ptype = '', ...values] = rule(line);
  return { ptype, values };
}

/** A definition, what it promises beside its matrix, and a table that lacks some of it and has more. */
const history = world.chain(({ modelText, rules, others, requests }) =>
  fc.record({
    modelText: fc.constant(modelText),
    defined: fc.subarray([...rules]),
    listed: fc.array(fc.tuple(fc.constantFrom('samples', 'written', 'never'), fc.constantFrom(...requests)), {
      maxLength: 12,
    }),
    live: fc
      .shuffledSubarray([...rules, ...others], { minLength: Math.ceil((rules.length + others.length) / 2) })
      // With a circle of roles nothing is decided: only some of the tables may have one.
      .chain((live) => fc.constantFrom(live, live.filter(isUpward), live.filter(isUpward))),
  }),
);

// Each layout has a part of the runs.
test.each(LAYOUTS)(
  'the report on the part of a large table of layout $name that is read says what one on all of it says',
  async (layout) => {
    const counts = { worlds: 0, inPart: 0, rowsUnread: 0, checks: 0, differing: 0, unreadCircles: 0 };
    const [db, table] = await openDatabase(layout);

    await fc.assert(
      fc.asyncProperty(history, async ({ modelText, defined: rules, listed, live }) => {
        const written = await keepable(modelText, rules, listed);
        const { part, whole } = await verifyTwice(db, table, modelText, rules, written, live);
        const [onPart, onWhole] = [part.report, whole.report];

        const read = new Set(part.live.map(({ id }) => id));
        const isRead = ({ ids }: { ids: readonly RowId[] }) => ids.every((id) => read.has(id));
        counts.worlds += 1;
        counts.rowsUnread += whole.live.length - part.live.length;
        if (part.live.length < whole.live.length) counts.inPart += 1;
        // What is said of rules by themselves is said of those that are read.
        expect(rowFindings(onPart)).toEqual(rowFindings(onWhole).filter(isRead));
        const named = (report: VerificationReport) => report.drift.flatMap(({ added }) => added);
        const alone = (report: VerificationReport) =>
          named({ ...report, drift: report.drift.filter(isAboutRule) });
        expect(named(onWhole)).toEqual(expect.arrayContaining(alone(onPart)));
        // A link is one between roles when others inherit from the first of them, and those may be unread.
        const rulesRead = onWhole.drift.filter(isRead).filter(({ added: [rule] }) => rule?.[0] === 'p');
        expect(named(onPart)).toEqual(expect.arrayContaining(alone({ ...onWhole, drift: rulesRead })));
        const unseen = onWhole.integrity.filter((finding) => !isRead(finding));
        if (onWhole.checks === 0 && onPart.checks > 0) {
          expect(unseen).toContainEqual(expect.objectContaining({ severity: 'failure' }));
          counts.unreadCircles += 1;
          return;
        }
        expect(decisions(onPart)).toEqual(decisions(onWhole));
        if (!unseen.some(({ severity }) => severity === 'failure')) expect(onPart.ok).toBe(onWhole.ok);
        counts.checks += onPart.checks;
        counts.differing += decisions(onPart).differing.length;
      }),
      { numRuns: 150 },
    );

    console.log(`Reports on parts of large tables of layout ${layout.name}: ${JSON.stringify(counts)}`);
    expect(counts.inPart).toBeGreaterThan(0);
    expect(counts.differing).toBeGreaterThan(0);
  },
  900_000,
);

/** Written expectations that the definition keeps, since any other definition is refused. */
async function keepable(
  modelText: string,
  rules: readonly Rule[],
  listed: readonly (readonly [string, readonly string[]])[],
): Promise<PolicyDefinition> {
  const answers = await decideAll(
    newModelFromString(modelText),
    rules,
    listed.map(([, request]) => request),
  );
  const select = (isKept: (answer: Answer, how: string) => boolean) =>
    listed.flatMap(([how, request], index) => {
      const answer = answers[index];
      return answer?.error === null && isKept(answer, how) ? [request] : [];
    });
  return {
    samples: select((_, how) => how === 'samples'),
    allow: select(({ allowed }, how) => how !== 'samples' && allowed),
    deny: select(({ allowed }, how) => how === 'written' && !allowed),
    never: select(({ allowed }, how) => how === 'never' && !allowed),
  };
}

/** Links that all lead from a name to a later one close no circle. */
function isUpward({ ptype, values: [child = '', parent = ''] }: Rule): boolean {
  return ptype.startsWith('p') || child < parent;
}

/** What a report says about requests, without the added rules that it names as causes. */
function decisions({ checks, allowed, failures, drift }: VerificationReport) {
  const differing = [...failures, ...drift.filter((finding) => !isAboutRule(finding))];
  return {
    checks,
    allowed,
    differing: differing.map(({ request, expected, actual, rule, rolePath, ...rest }) => ({
      kind: 'kind' in rest ? rest.kind : 'drift',
      request,
      expected,
      actual,
      rule,
      rolePath,
    })),
  };
}

function isAboutRule({ request }: DriftFinding): boolean {
  return request.length === 0;
}

/**
 * Findings about single rows. That their order decides is said of the first of them that is read, and a circle of
 * roles is told from the first link that was followed.
 */
function rowFindings({ integrity }: VerificationReport): IntegrityFinding[] {
  const ofRows = integrity.filter(({ message }) => !/the order of the rows decides|inherit/i.test(message));
  // Where no `p` rule is in the part, one is read beside it, and comes first, whatever its id.
  return ofRows.toSorted((one, other) => Number(one.ids[0]) - Number(other.ids[0]));
}
