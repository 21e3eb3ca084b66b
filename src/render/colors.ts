import { styleText } from 'node:util';

/** Whether to use terminal colours. */
export interface Colors {
  /** Default: false. */
  readonly color?: boolean;
}

/** The text in a colour or a style of terminals, where that is wanted. */
export function paint(style: Parameters<typeof styleText>[0], text: string, { color }: Colors): string {
  return color ? styleText(style, text, { validateStream: false }) : text;
}
