import type { Problem } from '../errors.ts';

/** What a reader makes of a file: plain data, whose places are recorded, and what is wrong with the text. */
export interface Parsed {
  /** Undefined when the text can't be read at all. */
  readonly value: unknown;
  readonly problems: readonly Problem[];
}

/** How deep a file may be nested. A definition has five levels; what reads it may call itself for each of them. */
export const MAX_DEPTH = 100;

/** What is made of a file that is nested deeper, at the place where it is. */
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
