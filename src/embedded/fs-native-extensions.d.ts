/** The part of `fs-native-extensions` that is used here; the package has no types of its own. */
declare module 'fs-native-extensions' {
  /** Takes the operating system's exclusive lock on an open file; false when somebody else has it. */
  export function tryLock(fd: number): boolean;
}
