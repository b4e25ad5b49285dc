import { createRequire } from 'node:module';
import { leanSchema, workerSource } from '../../../../src/release/lean-telegram.ts';
import { currentLayer } from '../../../../src/release/telegram-layer.ts';

/**
 * Import it before anything of the client library: has the library read the schema that the
 * worker's bundle has, as the build does with its files. Returns
 * nothing; a test file has modules of its own, so other files keep the layer that the library was
 * published with.
 */
const load = createRequire(import.meta.url);
const { layer, text } = currentLayer();
const path = load.resolve('telegram/tl/apiTl.js');
load(path);
const loaded = load.cache[path];
if (loaded === undefined) throw new Error(`${path} is not kept by Node`);
loaded.exports = leanSchema(text, workerSource('.'));
const objects: { LAYER: number } = load('telegram/tl/AllTLObjects.js');
objects.LAYER = layer;
