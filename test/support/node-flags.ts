/**
 * How processes of the tests run PGlite: compiling what is WebAssembly a second time, for speed, takes more than all
 * that a test does with it. Node takes no such flag from NODE_OPTIONS.
 */
export const NODE_FLAGS: readonly string[] = ['--liftoff-only'];
