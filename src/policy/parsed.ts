import type { Problem } from '../errors.ts';

/** The result of reading a file: plain data, whose places are recorded, and what is wrong with the text. */
export interface Parsed {
  /** Undefined when the text can't be read at all. */
  readonly value: unknown;
  readonly problems: readonly Problem[];
}

/** How deep a file may be nested. A definition has five levels; a reader may call itself for each level. */
export const MAX_DEPTH = 100;

/** The result for a file that is nested deeper, with the place. */
export function refuseTooDeep(at: string): Parsed {
  const message = `this is nested over ${MAX_DEPTH} levels deep.`;
  return { value: undefined, problems: [syntaxProblem(at, message)] };
}

export function syntaxProblem(at: string, message: string): Problem {
  return { code: 'POLICY_SYNTAX', at, message };
}

/** Turns an offset in a text into a place: `file:line:column`, both counted from 1. */
export type Locate = (offset: number) => string;

export function locator(file: string, text: string): Locate {
  const starts = [0, ...Array.from(text.matchAll(/\n/g), ({ index }) => index + 1)];
  return (offset) => {
    let line = 0;
    for (let step = 2 ** Math.ceil(Math.log2(starts.length)); step >= 1; step /= 2) {
      if ((starts[line + step] ?? Number.POSITIVE_INFINITY) <= offset) line += step;
    }
    return `${file}:${line + 1}:${offset - (starts[line] ?? 0) + 1}`;
  };
}
