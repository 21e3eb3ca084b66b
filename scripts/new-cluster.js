// Writes the files of a new cluster, which are published: an embedded database that starts from them needs no initdb.
import { prepareSnapshot } from '../dist/src/embedded/snapshot.js';

await prepareSnapshot();
