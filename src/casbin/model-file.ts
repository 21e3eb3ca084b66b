import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { type Model, newModelFromString } from 'casbin';
import type { Problem } from '../errors.ts';

/** Where the default RBAC model lies: `model/rbac_model.conf` of this package. */
export const defaultModelPath: string = createRequire(import.meta.url).resolve(
  'casbin-bootstrap/model/rbac_model.conf',
);

/** A model, and where its definitions stand; or why there is none. */
export type LoadedModel =
  | { readonly model: Model; readonly locate: (key: string) => string }
  | { readonly model: null; readonly problems: readonly Problem[] };

/** Names that Casbin calls the sections by, by what it requires. */
const REQUIRED_SECTIONS = ['request_definition', 'policy_definition', 'policy_effect', 'matchers'];

/** Reads a model file. Never throws: what is wrong is in `problems`. */
export async function loadModelFile(path: string): Promise<LoadedModel> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const message = `the model file can't be read (${reason}). Give the path of a Casbin .conf file.`;
    return { model: null, problems: [{ code: 'MODEL_NOT_FOUND', at: path, message }] };
  }
  const missing = findMissingSections(path, text);
  if (missing.length > 0) return { model: null, problems: missing };
  try {
    return { model: newModelFromString(text), locate: locator(path, text) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `Casbin can't read this model: ${reason}.`;
    return { model: null, problems: [{ code: 'MODEL_INVALID', at: path, message }] };
  }
}

function findMissingSections(path: string, text: string): Problem[] {
  const present = new Set(text.split('\n').map((line) => /^\s*\[(.+)\]\s*$/.exec(line)?.[1]));
  const missing = REQUIRED_SECTIONS.filter((section) => !present.has(section));
  if (missing.length === REQUIRED_SECTIONS.length) {
    const message = 'this is not a Casbin model: it has none of the sections that a model is made of.';
    return [{ code: 'MODEL_INVALID', at: path, message }];
  }
  return missing.map((section) => ({
    code: 'MODEL_SECTION_MISSING',
    at: path,
    message: `section [${section}] is missing. Casbin needs it.`,
  }));
}

/** Tells the line on which a definition stands, as `path:line`. */
function locator(path: string, text: string): (key: string) => string {
  const lines = text.split('\n');
  return (key) => {
    const index = lines.findIndex((line) => line.split('=', 1)[0]?.trim() === key && line.includes('='));
    return index === -1 ? path : `${path}:${index + 1}`;
  };
}
