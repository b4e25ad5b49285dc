/** Arguments: suite, content of the tree. */

import type { Suite } from '../suites.ts';
import { buildGoldenTree, type DiskContent } from './golden-tree.ts';

const [suite, content] = process.argv.slice(2);
await buildGoldenTree(suite as Suite, content as DiskContent);
