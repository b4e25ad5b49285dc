import { TlError, TlReader } from '../tl/bytes.ts';
import { readObject, type TlObject } from '../tl/codec.ts';
import type { TlCombinator, TlSchema } from '../tl/schema-text.ts';
import { CLIENT_LAYER, type Schemas } from '../tl/schemas.ts';
import { ungzip } from '../wire/messages.ts';
import type { InitParameters } from '../world/report.ts';
import { RpcError } from './rpc-error.ts';

/** A request without its wrappers. */
export interface Call {
  readonly method: TlCombinator;
  readonly request: TlObject;
  readonly schema: TlSchema;
  /** Layer declared in this very request; null: none was. */
  readonly declaredLayer: number | null;
  /** What the client said about itself in this very request. */
  readonly init: InitParameters | null;
}

/** The same constructor ids in every layer of today's clients. */
const WRAPPERS = new Set([
  'invokeWithLayer',
  'initConnection',
  'invokeAfterMsg',
  'invokeAfterMsgs',
  'invokeWithoutUpdates',
]);

/**
 * Takes the wrappers off in whatever order they come and reads the call with the schema of the
 * declared layer, otherwise of
 * `keyLayer`. Throws RpcError 400 CONNECTION_LAYER_INVALID for a layer without schema,
 * CONNECTION_NOT_INITED when no layer was ever
 * declared, and TlError for what the schema does not know.
 */
export function unwrapCall(schemas: Schemas, body: Buffer, keyLayer: number | null): Call {
  const wrappers = schemas.api(CLIENT_LAYER);
  let content = ungzip(body);
  let declaredLayer: number | null = null;
  let init: TlObject | null = null;
  for (
    let wrapper = wrapperOf(wrappers, content);
    wrapper !== null;
    wrapper = wrapperOf(wrappers, content)
  ) {
    if (wrapper._ === 'invokeWithLayer') declaredLayer = Number(wrapper.layer);
    if (wrapper._ === 'initConnection') init = wrapper;
    content = ungzip(wrapper.query as Buffer);
  }
  const layer = declaredLayer ?? keyLayer;
  if (layer === null) throw new RpcError(400, 'CONNECTION_NOT_INITED');
  const schema = schemas.api(layer);
  if (schema === undefined) throw new RpcError(400, 'CONNECTION_LAYER_INVALID');
  return {
    ...readCall(schema, content),
    schema,
    declaredLayer,
    init: init === null ? null : initParameters(init, layer),
  };
}

function wrapperOf(schema: TlSchema | undefined, content: Buffer): TlObject | null {
  if (schema === undefined || content.length < 4) return null;
  const combinator = schema.byId.get(content.readUInt32LE(0));
  return combinator !== undefined && WRAPPERS.has(combinator.name)
    ? readObject(schema, new TlReader(content))
    : null;
}

function readCall(schema: TlSchema, content: Buffer): { method: TlCombinator; request: TlObject } {
  const reader = new TlReader(content);
  const request = readObject(schema, reader);
  const method = schema.byName.get(request._);
  if (method === undefined || !method.isFunction) throw new TlError(`${request._} is no method`);
  if (reader.remaining > 0) throw new TlError(`${reader.remaining} bytes follow ${request._}`);
  return { method, request };
}

function initParameters(init: TlObject, layer: number): InitParameters {
  return {
    layer,
    apiId: Number(init.api_id),
    deviceModel: String(init.device_model),
    systemVersion: String(init.system_version),
    appVersion: String(init.app_version),
    systemLangCode: String(init.system_lang_code),
    langPack: String(init.lang_pack),
    langCode: String(init.lang_code),
  };
}
