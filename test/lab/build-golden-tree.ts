import { buildEquippedTree, buildGoldenTree } from './golden-tree.ts';

await (process.argv[2] === 'equipped' ? buildEquippedTree() : buildGoldenTree());
