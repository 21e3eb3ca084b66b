import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { build } from 'rolldown';

const ENTRIES = {
  index: 'src/index.ts',
  embedded: 'src/embedded/index.ts',
  kysely: 'src/kysely/index.ts',
  express: 'src/express/index.ts',
  fastify: 'src/fastify/index.ts',
  nestjs: 'src/nestjs/index.ts',
  testing: 'src/testing/index.ts',
  'testing/vitest': 'src/testing/vitest.ts',
  'testing/jest': 'src/testing/jest.ts',
  'testing/node-test': 'src/testing/node-test.ts',
};

/** Entries that load little, and should not load all of the library with what they share with it: the least first. */
const LIGHT = ['cli', 'embedded', 'express', 'fastify'];

/** Where tsc has put the declarations of `src/`, one for each file. */
const DECLARED = 'dist/src';
const TYPES = 'dist/types';

const RELATIVE_IMPORT = /(?<=(?:from|import|import\() ?['"])(?<path>\.[^'"]*)\.ts(?=['"])/g;

/** Nobody reads the warnings of a build that goes on. One is about its own time, which is long on a busy machine. */
const STRICT = {
  onLog(level, { message }) {
    if (level === 'warn') throw new Error(message);
  },
  checks: { bundlerTimings: false },
};

/** What is published of `dist/`, as this build writes it. */
const written = new Set();

await build([bundle('esm', 'js', { ...ENTRIES, cli: 'src/cli/bin.ts' }), bundle('cjs', 'cjs', ENTRIES)]);

await buildPage();
removeOthers();

/** The scripts and the style that `createPage` and `servePage` put into their pages. */
async function buildPage() {
  mkdirSync('dist/page', { recursive: true });
  for (const [name, input] of [
    ['page.js', 'page/explorer.tsx'],
    ['live.js', 'page/live.ts'],
  ]) {
    const { output } = await build({
      input,
      ...STRICT,
      platform: 'browser',
      tsconfig: 'page/tsconfig.json',
      transform: { target: 'es2022' },
      write: false,
      output: { format: 'iife', minify: true },
    });
    writePart(name, output[0].code, /<\/script|<!--/i);
  }
  writePart('page.css', readFileSync('page/page.css', 'utf8'), /<\/style/i);
}

/** A part of the page must not end the element that it is put into. */
function writePart(name, text, end) {
  if (end.test(text)) throw new Error(`${name} has ${end}, which would end its element.`);
  writeFileSync(join('dist/page', name), text.trim());
}

/** What an earlier build wrote and this one does not, as of a file that has another name now. */
function removeOthers() {
  for (const folder of ['dist/chunks', TYPES]) {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile() && !written.has(path)) rmSync(path);
    }
  }
}

function bundle(format, extension, input) {
  return {
    input,
    ...STRICT,
    platform: 'node',
    // Every dependency, and every module of Node.
    external: /^[^./]/,
    transform: { target: 'node20.19' },
    output: {
      dir: 'dist',
      format,
      // What Node does for modules by itself.
      strict: true,
      entryFileNames: `[name].${extension}`,
      chunkFileNames: `chunks/[name].${extension}`,
      codeSplitting: { groups: groupsOf(input) },
      sourcemap: true,
      // The sources are in the package, as src/, where docstrings are read.
      sourcemapExcludeSources: true,
      comments: { jsdoc: false },
    },
    plugins: [declarations(extension)],
  };
}

/**
 * What the root export loads is one file, but for what light entries load of it: to open a file takes longer than to
 * read what is in it. All else is left to rolldown, as all that is loaded late.
 */
function groupsOf(inputs) {
  const loaded = new Map();
  /** Whether an import of the entry loads the module. */
  const isLoadedBy = (entry, id, context) => {
    const ids = loaded.get(entry) ?? findLoaded(resolve(inputs[entry]), context);
    loaded.set(entry, ids);
    return ids.has(id);
  };
  const light = LIGHT.filter((entry) => entry in inputs);
  const names = ['library', ...light.map((entry) => `shared-with-${entry}`).reverse()];
  const nameOf = (id, context) => {
    if (!isLoadedBy('index', id, context)) return null;
    const sharer = light.find((entry) => isLoadedBy(entry, id, context));
    return sharer === undefined ? 'library' : `shared-with-${sharer}`;
  };
  return names.map((name, priority) => ({
    name: (id, context) => (nameOf(id, context) === name ? name : null),
    debugName: name,
    priority,
  }));
}

function findLoaded(path, context) {
  const ids = new Set([path]);
  // A set goes on to what is added while it is gone through.
  for (const id of ids) {
    for (const imported of context.getModuleInfo(id).importedIds) if (isAbsolute(imported)) ids.add(imported);
  }
  return ids;
}

/**
 * Writes the declarations that the entries reach to dist/types: .d.ts for modules, .d.cts for CommonJS. tsc leaves
 * `.ts` in what they import, which is not there.
 */
function declarations(extension) {
  return {
    name: 'declarations',
    writeBundle(_, files) {
      for (const { fileName } of Object.values(files)) written.add(join('dist', fileName));
      const paths = new Set(Object.values(ENTRIES).map((entry) => entry.replace('src', DECLARED)));
      // A set goes on to what is added while it is gone through.
      for (const path of paths) {
        for (const imported of copyDeclaration(path.replace(/\.ts$/, ''), extension)) paths.add(imported);
      }
    },
  };
}

/** Returns the files that it imports. */
function copyDeclaration(path, extension) {
  const suffix = `.d.${extension.replace('js', 'ts')}`;
  const target = path.replace(DECLARED, TYPES) + suffix;
  const declared = readFileSync(`${path}.d.ts`, 'utf8');
  const text = declared.replace(RELATIVE_IMPORT, `$<path>.${extension}`);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
  // One map for both, since they differ only behind the names.
  const map = `${path.replace(DECLARED, TYPES)}.d.ts.map`;
  copyFileSync(`${path}.d.ts.map`, map);
  written.add(target).add(map);
  return [...declared.matchAll(RELATIVE_IMPORT)].map((match) => join(dirname(path), match[0]));
}
