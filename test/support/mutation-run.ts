import fc from 'fast-check';
// What the library loads when it needs it: else its constants would count for the first test only that needs it.
import '../../src/policy/csv.ts';
import '../../src/policy/json.ts';
import '../../src/policy/shape.ts';
import '../../src/policy/yaml.ts';

// The same values for each fault, so that the score of a folder changes with its code and tests only.
fc.configureGlobal({ seed: 1 });
