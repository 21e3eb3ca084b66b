import { newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import { loadModelFile } from '../../src/casbin/model-file.ts';
import { writeTemporary } from '../policy/temporary-file.ts';
import { modelText } from './models.fixture.ts';

/** Problems of a sound model with these lines after its matcher, which is in line 11. */
function problemsAfter(...lines: readonly string[]) {
  return problemsOf(`${modelText()}${lines.join('\n')}`);
}

async function codesOf(text: string) {
  const { loaded } = await load(text);
  return loaded.model === null ? loaded.problems.map(({ code }) => code) : [];
}

async function problemsOf(text: string) {
  const { path, loaded } = await load(text);
  const problems = loaded.model === null ? loaded.problems : [];
  return problems.map(({ at, message }) => [at.replace(path, 'model.conf'), message]);
}

async function load(text: string | Buffer) {
  const path = await writeTemporary('model.conf', text);
  return { path, loaded: loadModelFile(path) };
}

function strayLine(number: number, text: string) {
  return [
    `model.conf:${number}:1`,
    `line ${JSON.stringify(text)} is neither a [section] nor a definition such as "m = …". Correct or remove it.`,
  ];
}

describe('a section', () => {
  test('is a line in brackets, and not one that has some', async () => {
    expect(await problemsOf(modelText({ m: 'r.sub == p.sub && r.act in p.list[r.obj]' }))).toEqual([]);
    expect(await problemsAfter('[more] of it')).toEqual([strayLine(12, '[more] of it')]);
  });

  test('may define a name that another one defines', async () => {
    expect(await problemsAfter('[constraint_definition]', 'm = 1')).toEqual([]);
  });

  test('does not have what only a later section defines', async () => {
    const text = modelText().replace('[matchers]', '[matchers]\n[later]');
    expect(await problemsOf(text)).toEqual([
      ['model.conf:10:1', 'section [matchers] defines no "m". Casbin needs it: add m = …'],
    ]);
  });
});

describe('a section that Casbin ignores is refused if its name resembles one that it knows', () => {
  test.each([
    ['matcher', 'matchers'],
    ['Matchers', 'matchers'],
    [' matchers ', 'matchers'],
    ['role_defintion', 'role_definition'],
    ['role_definitions', 'role_definition'],
    ['request_definiton', 'request_definition'],
    ['policy_effects', 'policy_effect'],
  ])('[%s], beside the right one or alone', async (name, meant) => {
    const ignored = `Casbin knows no section [${name}], and ignores it.`;
    const beside = `${modelText()}[${name}]\nm2 = true`;
    expect(await problemsOf(beside)).toEqual([
      ['model.conf:12:1', `${ignored} Move its definitions to [${meant}], or remove it.`],
    ]);
    expect(await codesOf(beside)).toEqual(['MODEL_INVALID']);
    expect(newModelFromString(beside).model.get('m')?.size).toBe(1);

    const text = modelText({ g: [], m: 'r.sub == p.sub' }).replace('[role_definition]\n', '');
    const alone = `${text}[role_definition]\ng = _, _`.replace(`[${meant}]`, `[${name}]`);
    const number = 1 + alone.split('\n').indexOf(`[${name}]`);
    expect(await problemsOf(alone)).toEqual([
      [`model.conf:${number}:1`, `${ignored} Rename it to [${meant}].`],
    ]);
    expect(await codesOf(alone)).toEqual(['MODEL_SECTION_MISSING']);
  });

  test('and a definition before the first section if its name is one of a section', async () => {
    expect(await problemsOf(`m2 = true\nversion = 1\n${modelText()}`)).toEqual([
      ['model.conf:1:1', 'Casbin ignores "m2", because it is in no section. Move it below [matchers].'],
    ]);
  });
});

test('a definition that is repeated more than once names the first one each time', async () => {
  const message = expect.stringContaining('"m" is defined in line 11 already');
  expect(await problemsAfter('m = r.sub == p.sub', 'm = true')).toEqual([
    ['model.conf:12:1', message],
    ['model.conf:13:1', message],
  ]);
});

test('a section without its first definition has one problem, whatever else it defines', async () => {
  expect(await problemsOf(modelText().replace('\nm = ', '\nm2 = '))).toEqual([
    ['model.conf:10:1', expect.stringContaining('defines "m2" and no "m"')],
  ]);
});

describe('a definition that Casbin ignores is refused', () => {
  const ignored = (key: string, section: string, first: string, next: string) =>
    `Casbin ignores "${key}": of [${section}] it reads ${first}, ${first}2, ${first}3 and so on, up to the first that is missing. Rename it to "${next}", or remove it.`;

  test.each([
    ['policy_definition', 'p', 5],
    ['policy_effect', 'e', 9],
    ['matchers', 'm', 11],
    ['request_definition', 'r', 3],
  ])('of [%s]: a number after a gap, or another name', async (section, key, number) => {
    const lines = modelText().split('\n');
    const value = lines[number - 1]?.replace(/^.*?= /, '');
    lines.splice(
      number,
      0,
      `${key}4 = ${value}`,
      `${key}2 = ${value}`,
      `${key}02 = ${value}`,
      `x = ${value}`,
    );
    const text = lines.join('\n');

    expect(await problemsOf(text)).toEqual([
      [`model.conf:${number + 1}:1`, ignored(`${key}4`, section, key, `${key}3`)],
      [`model.conf:${number + 3}:1`, ignored(`${key}02`, section, key, `${key}3`)],
      [`model.conf:${number + 4}:1`, ignored('x', section, key, `${key}3`)],
    ]);
    expect([...(newModelFromString(text).model.get(key)?.keys() ?? [])]).toEqual([key, `${key}2`]);
  });

  test('of [role_definition]: also where there is no first one', async () => {
    const text = modelText({ g: ['g2 = _, _'], m: 'r.sub == p.sub' });
    expect(await problemsOf(text)).toEqual([['model.conf:7:1', ignored('g2', 'role_definition', 'g', 'g')]]);
    expect(newModelFromString(text).model.get('g')).toBeUndefined();
  });
});

test('a definition with nothing after its = defines nothing', async () => {
  expect(await problemsOf(modelText({ m: '' }))).toEqual([
    ['model.conf:10:1', 'section [matchers] defines no "m". Casbin needs it: add m = …'],
  ]);
});

describe('a comment', () => {
  test('may be used by a definition or alone, after blanks', async () => {
    expect(await problemsAfter('  # some words', '\t; more of them', 'm2 = true # as it is')).toEqual([]);
  });

  test.each([
    ['m2 = true ; && r.obj == p.obj', 11, ';', '&& r.obj == p.obj'],
    ['m2 = true;r.obj == p.obj # as it is', 10, ';', 'r.obj == p.obj # as it is'],
    [
      'e2 = some(where (p.eft == allow)) ; && !some(where (p.eft == deny))',
      35,
      ';',
      '&& !some(where (p.eft == deny))',
    ],
    ['r2 = sub, obj ; , act\r', 15, ';', ', act'],
  ])('that continues a definition is refused: %s', async (text, column, sign, rest) => {
    const section = { e: 'policy_effect', r: 'request_definition', m: 'matchers' }[text.charAt(0)];
    const lines = modelText().trimEnd().split('\n');
    const start = 2 + lines.indexOf(`[${section}]`);
    lines.splice(start, 0, text);
    expect(await problemsOf(lines.join('\n'))).toEqual([
      [
        `model.conf:${start + 1}:${column}`,
        `for Casbin, "${sign}" begins a comment: ${JSON.stringify(rest)} is not a part of "${text.slice(0, 2)}". Remove it, or begin the comment with "#".`,
      ],
    ]);
  });

  test('in a string is refused, on any line of a definition', async () => {
    expect(
      await problemsAfter(
        "m2 = r.obj == 'it' && \\",
        '  r.sub == "a;b" || r.sub == \'c#d\'',
        'm3 = r.sub == "#"',
      ),
    ).toEqual([
      [
        'model.conf:13:14',
        `for Casbin, ";" begins a comment, in quotes too: ${JSON.stringify("b\" || r.sub == 'c#d'")} is not a part of "m2". Give that text without ";".`,
      ],
      [
        'model.conf:14:16',
        `for Casbin, "#" begins a comment, in quotes too: ${JSON.stringify('"')} is not a part of "m3". Give that text without "#".`,
      ],
    ]);
  });

  test('of words, or of a condition after a #, is a comment', async () => {
    expect(
      await problemsAfter('m2 = true ; it isn\'t "so", or is it', "m3 = r.obj == 'it' # && r.obj == p.obj"),
    ).toEqual([]);
  });

  test('ends with its line, on Windows too', async () => {
    expect(await problemsAfter('# some words\r', 'm2 = true ; as it is\r', 'more words\r')).toEqual([
      strayLine(14, 'more words'),
    ]);
  });
});

describe('a line that ends with a backslash', () => {
  test('goes on in the next one', async () => {
    expect(await problemsAfter('m2 = g(r.sub, p.sub) && \\', '  keyMatch(r.obj, p.obj)')).toEqual([]);
    expect(await problemsAfter('m2 = g(r.sub, p.sub) && \\ # and', '  keyMatch(r.obj, p.obj)')).toEqual([]);
  });

  test('ends where a section begins, as for Casbin', async () => {
    const text = modelText({ g: ['g = _, _ \\'] });
    expect(await problemsOf(text)).toEqual([]);
    const { loaded } = await load(text);
    expect(loaded.model?.model.get('g')?.get('g')?.value).toBe('_, _');
  });

  test('is reported as one line, at the place where it begins', async () => {
    expect(await problemsAfter('so\\me \\', 'wo\\rds \\', 'here', 'and there')).toEqual([
      strayLine(12, 'so\\mewo\\rdshere'),
      strayLine(15, 'and there'),
    ]);
  });
});

test('a definition is located by line and column, and by the first line where it is not found', async () => {
  const { path, loaded } = await load(modelText());
  const locate = loaded.model === null ? expect.fail() : loaded.locate;
  expect(locate('g')).toBe(`${path}:7:1`);
  expect(locate('g2')).toBe(`${path}:1:1`);
});

test('a name is located in its definition, over lines, and not where a string or another name has it', async () => {
  const { path, loaded } = await load(
    `${modelText()}  m2 = r.p.subb == "p.subb" && xp.subb && p.subbed && \\\n    p.sub == p.subb # p.subb\n`,
  );
  const locate = loaded.model === null ? expect.fail() : loaded.locate;
  expect(locate('m2')).toBe(`${path}:12:3`);
  expect(locate('m2', 'p.subb')).toBe(`${path}:13:14`);
  expect(locate('m2', 'p.sub')).toBe(`${path}:13:5`);
  expect(locate('m2', 'm2')).toBe(`${path}:12:3`);
});

test('a file in another encoding is refused, because names in its matcher would never match', async () => {
  const { path, loaded } = await load(Buffer.from(modelText({ m: 'r.sub == "café"' }), 'latin1'));
  expect(loaded).toMatchObject({
    model: null,
    problems: [{ code: 'MODEL_INVALID', at: `${path}:1:1`, message: expect.stringContaining('UTF-8') }],
  });
});

test('a byte order mark and blank lines before the first section are ignored', async () => {
  expect(await problemsOf(`\uFEFF${modelText().trimStart()}`)).toEqual([]);
});
