// As much of Jest as jest.ts uses. Jest is no dependency here, as it brings hundreds of packages; an application that
// imports jest.ts has Jest's own declarations. The tests in applications/ compile what is built against those.

declare module '@jest/globals' {
  export function describe(name: string, body: () => void): void;
  export function test(name: string, body: () => Promise<void>): void;
  export const expect: { extend(matchers: object): void };
}

declare module 'expect' {
  interface Matchers<R extends void | Promise<void>, T> {}
}
