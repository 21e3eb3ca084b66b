// In the order in which they are run and shown.
import seedCold from './seed-cold.js';
import seedHalf from './seed-half.js';

export const comparisons = [seedCold, seedHalf];
