import type { CommandConfig } from '../config.ts';
import { InvalidOptionsError } from '../errors.ts';
import type { PolicyDefinition } from '../policy/definition.ts';
import { pathOf } from '../policy/place.ts';
import { readPlace } from '../render/remark.ts';
import { readPolicyArgument } from './config-file.ts';

/** Something that is reported with its place, such as a problem or a remark. */
interface Placed {
  readonly at: string | null;
  readonly message: string;
  readonly subject?: string;
}

/** The files that the options of a command come from. The library knows only the paths of the options. */
export class Origins {
  /** By the beginning of the paths: `policy.roles.clerk` comes from the file of `policy`. */
  readonly #files = new Map<string, string>();

  addConfig(config: CommandConfig, file: string): void {
    for (const name of Object.keys(config)) this.#files.set(pathOf(name), file);
    // What is wrong with it has its place in its own file; of a policy, readPolicy() says so.
    if (typeof config.model === 'string') this.#files.delete('model');
  }

  /** For options that arguments give in the place of a configuration. */
  forget(names: Iterable<string>): void {
    for (const name of names) this.#files.delete(name);
  }

  /**
   * Reads the policy that an argument names.
   *
   * @param name what the library calls it in the places of problems
   * @throws InvalidOptionsError as {@link readPolicyArgument}
   */
  async readPolicy(path: string, name = 'policy'): Promise<string | PolicyDefinition> {
    const policy = await readPolicyArgument(path);
    if (typeof policy === 'string') this.#files.delete(name);
    else this.#files.set(name, path);
    return policy;
  }

  /**
   * If the place is the path of an option, gives the file of that option as the place, and names the path in the text.
   */
  place<Given extends Placed>(given: Given): Given {
    const { at, subject, message } = given;
    if (at === null || readPlace(at).file !== null) return given;
    const [name, file] = [...this.#files].find(([first]) => isPathBelow(at, first)) ?? [];
    if (name === undefined || file === undefined) return given;
    const path = at.startsWith(`${name}: `) ? at.slice(name.length + 2) : at;
    const told =
      subject === undefined ? { message: `${path}: ${message}` } : { subject: `${path}: ${subject}` };
    return { ...given, at: file, ...told };
  }

  /** Places the problems of an error; returns any other error as it is. */
  placeError(error: unknown): unknown {
    if (!(error instanceof InvalidOptionsError)) return error;
    return new InvalidOptionsError(error.problems.map((problem) => this.place(problem)));
  }
}

/** Whether a place is an option or in it: `policy.roles`, `seeders[0]`, `model (m)`, `before: policy.roles`. */
function isPathBelow(at: string, name: string): boolean {
  return at === name || ['.', '[', ' (', ': '].some((next) => at.startsWith(`${name}${next}`));
}
