import fc from 'fast-check';

// The same values for each fault, so that the score of a folder changes with its code and tests only.
fc.configureGlobal({ seed: 1 });
