import { buildGoldenTree } from './golden-tree.ts';

await buildGoldenTree();
