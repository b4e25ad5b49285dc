import { gunzipSync, gzipSync, unzipSync } from 'node:zlib';
import { TlError, TlReader, TlWriter } from '../tl/bytes.ts';

/** One message inside a packet, still as bytes. */
export interface Message {
  readonly messageId: bigint;
  readonly sequence: number;
  readonly body: Buffer;
}

const CONTAINER_ID = 0x73f1f8dc;
export const GZIP_ID = 0x3072cfa1;
export const RPC_RESULT_ID = 0xf35c6d01;
const MAX_IN_CONTAINER = 1020;
const MAX_UNPACKED = 10 * 2 ** 20;

/**
 * The schema text of the protocol leaves these three out, since their content is no ordinary field.
 */
export function isContainer(body: Buffer): boolean {
  return body.length >= 4 && body.readUInt32LE(0) === CONTAINER_ID;
}

/** The messages of a container, in order. Throws TlError. */
export function openContainer(body: Buffer): Message[] {
  const reader = new TlReader(body);
  reader.uint();
  const count = reader.uint();
  if (count > MAX_IN_CONTAINER) throw new TlError(`a container of ${count} messages`);
  const messages = Array.from({ length: count }, () => {
    const messageId = reader.long();
    const sequence = reader.int();
    return { messageId, sequence, body: reader.raw(reader.uint()) };
  });
  if (reader.remaining > 0) throw new TlError(`${reader.remaining} bytes follow the container`);
  return messages;
}

export function packContainer(messages: readonly Message[]): Buffer {
  const writer = new TlWriter();
  writer.int(CONTAINER_ID);
  writer.int(messages.length);
  for (const message of messages) {
    writer.long(message.messageId);
    writer.int(message.sequence);
    writer.int(message.body.length);
    writer.raw(message.body);
  }
  return writer.finish();
}

/**
 * Takes `gzip_packed` off, as often as it is there. Some clients send zlib data in it: both are
 * read. Throws TlError.
 */
export function ungzip(body: Buffer): Buffer {
  let content = body;
  while (content.length >= 4 && content.readUInt32LE(0) === GZIP_ID) {
    const reader = new TlReader(content.subarray(4));
    content = unzip(reader.bytes());
  }
  return content;
}

function unzip(packed: Buffer): Buffer {
  try {
    return unzipSync(packed, { maxOutputLength: MAX_UNPACKED });
  } catch (error) {
    throw new TlError('packed data that cannot be unpacked', { cause: error });
  }
}

export function gzipPacked(body: Buffer): Buffer {
  const writer = new TlWriter();
  writer.int(GZIP_ID);
  writer.bytes(gzipSync(body));
  return writer.finish();
}

/**
 * The answer to one request. `result` is a boxed value or an `rpc_error`, packed where that saves
 * bytes and it is long.
 */
export function rpcResult(requestId: bigint, result: Buffer, gzipAbove: number): Buffer {
  const packed = result.length > gzipAbove ? gzipPacked(result) : result;
  const writer = new TlWriter();
  writer.int(RPC_RESULT_ID);
  writer.long(requestId);
  writer.raw(packed.length < result.length ? packed : result);
  return writer.finish();
}

/** For clients in tests: request id and unpacked result of an `rpc_result`. */
export function openRpcResult(body: Buffer): {
  readonly requestId: bigint;
  readonly result: Buffer;
  readonly wasPacked: boolean;
} {
  const reader = new TlReader(body);
  if (reader.uint() !== RPC_RESULT_ID) throw new TlError('no rpc_result');
  const requestId = reader.long();
  const wasPacked = reader.peekUint() === GZIP_ID;
  const rest = reader.rest();
  return {
    requestId,
    result: wasPacked ? gunzipSync(new TlReader(rest.subarray(4)).bytes()) : rest,
    wasPacked,
  };
}
