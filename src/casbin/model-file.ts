import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { type Model, newModelFromString } from 'casbin';
import type { Problem } from '../errors.ts';
import { rememberLast } from '../policy/remember-last.ts';
import { reasonOf, shorten } from '../reason.ts';
import { copyModel, findMissingDefinitions } from './model.ts';
import { checkModelText, locateDefinition } from './model-text.ts';

/** Where the default RBAC model lies: `model/rbac_model.conf` of this package. */
export const defaultModelPath: string = createRequire(import.meta.url).resolve(
  'casbin-bootstrap/model/rbac_model.conf',
);

/** A model, and where its definitions stand; or why there is none. */
export type LoadedModel =
  | { readonly model: Model; readonly locate: (key: string) => string }
  | { readonly model: null; readonly problems: readonly Problem[] };

/** Reads a model file. Never throws: what is wrong is in `problems`. */
export function loadModelFile(path: string): LoadedModel {
  let text: string;
  try {
    // A few hundred bytes at a start: sooner read than the thread pool is asked four times.
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return { model: null, problems: [describeUnreadable(path, error)] };
  }
  return readModelText(path, text);
}

/** The same object for the same text, as whoever fills a model copies it first. */
const readModelText = rememberLast((path = '', text = ''): LoadedModel => {
  const problems = checkModelText(path, text);
  if (problems.length > 0) return { model: null, problems };
  return adopt(
    () => newModelFromString(text),
    path,
    (key) => locateDefinition(path, text, key),
  );
});

/** Copies a Casbin Model. Never throws, as what is given may only look like one. */
export function adoptModel(given: Model): LoadedModel {
  return adopt(
    () => copyModel(given),
    'model',
    (key) => `model (${key})`,
  );
}

function adopt(make: () => Model, at: string, locate: (key: string) => string): LoadedModel {
  try {
    const model = make();
    const problems = findMissingDefinitions(model, at);
    return problems.length > 0 ? { model: null, problems } : { model, locate };
  } catch (error) {
    const message = `Casbin can't read this model: ${reasonOf(error)}. Correct it; casbin.org/docs/syntax-for-models says how.`;
    return { model: null, problems: [{ code: 'MODEL_INVALID', at, message }] };
  }
}

function describeUnreadable(path: string, error: unknown): Problem {
  if (path.includes('\n')) {
    const message =
      'it is the text of a model, not the path of one. Give newModelFromString(text), which casbin exports.';
    return { code: 'MODEL_NOT_FOUND', at: 'model', message };
  }
  const message = `${explainUnreadable(path, error)}. Give the path of a Casbin .conf file.`;
  return { code: 'MODEL_NOT_FOUND', at: shorten(path).replaceAll('\0', '\\0'), message };
}

function explainUnreadable(path: string, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
      // A relative path is looked up where the process was started, which may surprise.
      return `there is no such model file (${resolve(path)})`;
    case 'EISDIR':
      return 'it is a directory, not a model file';
    case 'EACCES':
      return 'the model file may not be read by this process';
    default:
      return `the model file can't be read (${typeof code === 'string' ? code : reasonOf(error)})`;
  }
}
