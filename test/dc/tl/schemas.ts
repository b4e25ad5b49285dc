import { createRequire } from 'node:module';
import { currentLayer } from '../../../src/release/telegram-layer.ts';
import { TlError } from './bytes.ts';
import { parseSchema, type TlSchema } from './schema-text.ts';

/**
 * Layer of the API text inside the pinned `telegram` package; a test compares it with what the
 * client declares.
 */
export const CLIENT_LAYER = 198;

/** An API schema by its text, for clients of another layer. */
export interface LayerText {
  readonly layer: number;
  readonly text: string;
}

/**
 * The schemas that a data centre speaks: one of the protocol itself, one of the API for each layer.
 */
export interface Schemas {
  readonly protocol: TlSchema;
  /** Undefined for a layer whose text was not given. */
  api(layer: number): TlSchema | undefined;
}

/**
 * Knows the layer of the installed client (its text, no code of it runs), the current one that
 * workers are built with, and those given. Each is parsed when
 * it is first asked for.
 */
export function loadSchemas(extraLayers: readonly LayerText[]): Schemas {
  const texts = new Map<number, string>([[CLIENT_LAYER, clientText('apiTl')]]);
  for (const { layer, text } of extraLayers) texts.set(layer, text);
  const parsed = new Map<number, TlSchema>();
  const textOf = (layer: number): string | undefined => {
    if (layer > CLIENT_LAYER && !texts.has(layer)) {
      const current = currentLayer();
      if (current.layer === layer) texts.set(layer, current.text);
    }
    return texts.get(layer);
  };
  return {
    protocol: parseSchema([clientText('schemaTl')], { stringsAreBinary: true }),
    api(layer) {
      const text = textOf(layer);
      if (text === undefined) return undefined;
      const schema = parsed.get(layer) ?? parseSchema([text], { stringsAreBinary: false });
      parsed.set(layer, schema);
      return schema;
    },
  };
}

function clientText(file: 'apiTl' | 'schemaTl'): string {
  const text: unknown = createRequire(import.meta.url)(`telegram/tl/${file}.js`);
  if (typeof text !== 'string') throw new TlError(`telegram/tl/${file}.js holds no schema text`);
  return text;
}
