import type { Model } from 'casbin';
import { listFunctions } from '../casbin/enforcer.ts';
import { adoptModel, defaultModelPath, type LoadedModel, loadModelFile } from '../casbin/model-file.ts';
import { lintModel } from '../casbin/model-lint.ts';
import { rememberLast } from '../collections.ts';
import type { Problem } from '../errors.ts';
import type { BootstrapOptions } from '../options.ts';
import { reasonOf } from '../text.ts';

/** The model of the options, copied or read from its file, and its problems; null if there is no model. */
export async function resolveModel({
  model: given = defaultModelPath,
  configureEnforcer,
}: BootstrapOptions): Promise<{ model: Model | null; problems: Problem[] }> {
  const loaded = typeof given === 'string' ? loadModelFile(given) : adoptModel(given);
  if (loaded.model === null) return { model: null, problems: [...loaded.problems] };
  const { model } = loaded;
  try {
    const functions = await listFunctions(model, configureEnforcer);
    return { model, problems: lint(loaded, functions, configureEnforcer !== undefined) };
  } catch (error) {
    const message = `it threw: ${reasonOf(error)}. Fix it; it is called with an enforcer that has no policy yet.`;
    return { model, problems: [{ code: 'OPTION_INVALID', at: 'configureEnforcer', message }] };
  }
}

const lint = rememberLast(
  (
    { model, locate }: Extract<LoadedModel, { locate: unknown }>,
    functions: ReadonlySet<string>,
    isConfigured: boolean,
  ) => lintModel(model, functions, locate, isConfigured),
);
