import '../hostside/worker/telegram/speak-current-layer.ts';
import { leanSchema, workerSource } from '../../src/release/lean-telegram.ts';
import { currentLayer } from '../../src/release/telegram-layer.ts';
import { codecContract } from './codec-contract.ts';
import { parseSchema } from './tl/schema-text.ts';

/** Whatever can come in the layer that workers are built with. */
codecContract(
  parseSchema([leanSchema(currentLayer().text, workerSource('.'))], { stringsAreBinary: false }),
);
