import fc from 'fast-check';
import '../../src/policy/csv.ts';
import '../../src/policy/json.ts';
import '../../src/policy/definition-shape.ts';
import '../../src/policy/yaml.ts';

// What the library loads when it needs it: else its constants would count for the first test only that needs it.

// The same values for each fault, so that the score of a folder changes with its code and tests only.
fc.configureGlobal({ seed: 1 });
