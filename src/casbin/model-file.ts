import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Model, newModelFromString } from 'casbin';
import { rememberLast } from '../collections.ts';
import type { Problem } from '../errors.ts';
import { decodeUtf8, explainUnreadable, isConnectionString, reasonOf, shorten } from '../text.ts';
import { copyModel, findMissingDefinitions } from './model.ts';
import { checkModelText, locateDefinition } from './model-text.ts';

/** The path of the default RBAC model: `model/rbac_model.conf` of this package. */
export const defaultModelPath: string = ownFile('model/rbac_model.conf');

/** The path of the model for RBAC with domains: `model/rbac_with_domains_model.conf` of this package. */
export const domainsModelPath: string = ownFile('model/rbac_with_domains_model.conf');

function ownFile(name: string): string {
  try {
    return createRequire(import.meta.url).resolve(`casbin-bootstrap/${name}`);
  } catch (cause) {
    throw new Error(
      `casbin-bootstrap reads ${name} of its own, which is not there: the package was bundled, or copied without this file. Leave it out of the bundle, and install it where the bundle runs: serverExternalPackages: ['casbin-bootstrap'] in Next, --external:casbin-bootstrap in esbuild. Where Next copies what it needs, as for output: 'standalone', also give outputFileTracingIncludes: { '/*': ['node_modules/casbin-bootstrap/model/*'] }.`,
      { cause },
    );
  }
}

/** Returns the place of a definition (`m`, `e2` …), or of a name that it uses: `p.subb`, `keyMatch`. */
export type LocateDefinition = (key: string, name?: string) => string;

/** A model and the places of its definitions, or the reason why there is no model. */
export type LoadedModel =
  | { readonly model: Model; readonly locate: LocateDefinition }
  | { readonly model: null; readonly problems: readonly Problem[] };

/** Reads a model file. Never throws: what is wrong is in `problems`. */
export function loadModelFile(path: string): LoadedModel {
  let text: string | null;
  try {
    text = path === defaultModelPath ? readDefaultModel() : readModelFile(path);
  } catch (error) {
    return { model: null, problems: [describeUnreadableModel(path, error)] };
  }
  if (text === null)
    return {
      model: null,
      problems: [
        {
          code: 'MODEL_INVALID',
          at: `${path}:1:1`,
          message: 'this is not a Casbin model in UTF-8. Save it as UTF-8.',
        },
      ],
    };
  return readModelText(path, text);
}

/** Reads synchronously, because for a few hundred bytes this takes less time than the thread pool. */
function readModelFile(path: string): string | null {
  return decodeUtf8(readFileSync(path));
}

/** Kept, because the file of this package does not change while a process runs. */
const readDefaultModel = rememberLast(() => readModelFile(defaultModelPath));

/** The last model is remembered, for processes that bootstrap often: it never changes, and enforcers get copies. */
const readModelText = rememberLast((path: string, text: string): LoadedModel => {
  const problems = checkModelText(path, text);
  if (problems.length > 0) return { model: null, problems };
  return tryLoad(`${path}:1:1`, () => ({
    model: newModelFromString(text),
    locate: (key, name) => locateDefinition(path, text, key, name),
  }));
});

/** Copies a Casbin Model. Never throws, because the given object may only look like a model. */
export function adoptModel(given: Model): LoadedModel {
  return tryLoad('model', () => {
    const model = copyModel(given);
    const problems = findMissingDefinitions(model);
    return problems.length > 0 ? { model: null, problems } : { model, locate: (key) => `model (${key})` };
  });
}

function tryLoad(at: string, load: () => LoadedModel): LoadedModel {
  try {
    return load();
  } catch (error) {
    const message = `Casbin can't read this model: ${reasonOf(error)}. Correct it: see casbin.org/docs/syntax-for-models.`;
    return { model: null, problems: [{ code: 'MODEL_INVALID', at, message }] };
  }
}

function describeUnreadableModel(path: string, error: unknown): Problem {
  if (isConnectionString(path)) {
    const message = 'must be a model or the path of a file with one, not a connection string.';
    return { code: 'MODEL_NOT_FOUND', at: 'model', message };
  }
  if (path.includes('\n')) {
    const message =
      'this is the text of a model, not a path. Give newModelFromString(text), which casbin exports.';
    return { code: 'MODEL_NOT_FOUND', at: 'model', message };
  }
  const message = `${explainUnreadable('model file', path, error)}. Give the path of a Casbin .conf file.`;
  return { code: 'MODEL_NOT_FOUND', at: shorten(path).replaceAll('\0', '\\0'), message };
}
