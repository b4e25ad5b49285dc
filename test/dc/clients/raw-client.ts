import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ListenAddress } from '../server.ts';
import { decodeObject, encodeObject, type TlObject } from '../tl/codec.ts';
import { loadSchemas } from '../tl/schemas.ts';
import { type Envelope, openEnvelope, sealEnvelope } from '../wire/crypto.ts';
import { intermediateFraming } from '../wire/framing.ts';
import { isContainer, openContainer, openRpcResult, RPC_RESULT_ID } from '../wire/messages.ts';

/** Something that the server said, decoded as far as it is not an API object. */
export interface Heard {
  readonly messageId: bigint;
  readonly sequence: number;
  readonly inContainer: boolean;
  /**
   * A protocol object, updates, or `rpc_result` with its request id and the error or the bytes of
   * its result.
   */
  readonly value: TlObject;
}

const WAIT_LIMIT_MS = 5000;
const schemas = loadSchemas([]);

/** Bytes of a protocol or API object of layer 198. */
export function bytesOf(value: TlObject): Buffer {
  const api = schemas.api(198);
  if (schemas.protocol.byName.has(value._) || api === undefined)
    return encodeObject(schemas.protocol, value);
  return encodeObject(api, value);
}

/** `query` as the first request of a key has to be sent. */
export function introduced(query: TlObject): TlObject {
  const init = {
    _: 'initConnection',
    api_id: 1,
    device_model: 'raw',
    system_version: '1',
    app_version: '1',
    query,
  };
  return { _: 'invokeWithLayer', layer: 198, query: init };
}

/**
 * A client that can do everything wrong: each part of each message can be chosen. Speaks the
 * intermediate transport.
 */
export class RawClient {
  readonly heard: Heard[] = [];
  /** Transport errors, as received. */
  readonly transportErrors: number[] = [];
  readonly sessionId = randomBytes(8).readBigInt64LE();
  salt = 0n;
  isClosed = false;
  readonly #authKey: Buffer;
  readonly #socket: Socket;
  readonly #framing = intermediateFraming('intermediate');
  #pending: Buffer = Buffer.alloc(0);
  #lastId = 0n;

  private constructor(socket: Socket, authKey: Buffer) {
    this.#socket = socket;
    this.#authKey = authKey;
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('close', () => {
      this.isClosed = true;
    });
    socket.on('error', () => {});
    socket.write(Buffer.from('eeeeeeee', 'hex'));
  }

  /** `from`: local address, any of 127.0.0.0/8. */
  static async connect(
    address: ListenAddress,
    authKey: Buffer,
    from = '127.0.0.1',
  ): Promise<RawClient> {
    const socket = connect({ host: address.host, port: address.port, localAddress: from });
    await once(socket, 'connect');
    return new RawClient(socket, authKey);
  }

  /** Connects and learns the salt with a first request. */
  static async online(address: ListenAddress, authKey: Buffer, from?: string): Promise<RawClient> {
    const client = await RawClient.connect(address, authKey, from);
    client.send(bytesOf({ _: 'ping', ping_id: 1n }));
    const refusal = await client.next('bad_server_salt');
    client.salt = refusal.value.new_server_salt as bigint;
    return client;
  }

  nextId(): bigint {
    const timed = ((BigInt(Date.now()) << 32n) / 1000n) & ~3n;
    this.#lastId = timed > this.#lastId ? timed : this.#lastId + 4n;
    return this.#lastId;
  }

  /** Sends one message; returns its id. */
  send(body: Buffer, change: Partial<Envelope> = {}): bigint {
    const messageId = change.messageId ?? this.nextId();
    const envelope = {
      salt: this.salt,
      sessionId: this.sessionId,
      sequence: 1,
      body,
      ...change,
      messageId,
    };
    this.sendPacket(sealEnvelope(this.#authKey, 'client', envelope));
    return messageId;
  }

  sendPacket(packet: Buffer): void {
    this.#socket.write(this.#framing.wrap(packet));
  }

  /** Sends a request and waits for its result: an `rpc_error`, or an object of the API. */
  async call(query: TlObject): Promise<TlObject> {
    const id = this.send(bytesOf(query));
    const answer = await this.next('rpc_result', (value) => value.req_msg_id === id);
    return answer.value.result as TlObject;
  }

  /** The first thing of this kind heard so far or within 5 s. */
  async next(kind: string, fits: (value: TlObject) => boolean = () => true): Promise<Heard> {
    for (const deadline = Date.now() + WAIT_LIMIT_MS; Date.now() < deadline; await sleep(5)) {
      const found = this.heard.find(({ value }) => value._ === kind && fits(value));
      if (found !== undefined) return found;
    }
    throw new Error(
      `never heard ${kind}, only ${this.heard.map(({ value }) => value._).join(', ')}`,
    );
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    for (
      let taken = this.#framing.take(this.#pending);
      taken !== null;
      taken = this.#framing.take(this.#pending)
    ) {
      this.#pending = this.#pending.subarray(taken.consumed);
      if (taken.packet.length === 4) this.transportErrors.push(taken.packet.readInt32LE());
      else this.#packet(taken.packet);
    }
  }

  #packet(packet: Buffer): void {
    const envelope = openEnvelope(this.#authKey, 'server', packet);
    const messages = isContainer(envelope.body) ? openContainer(envelope.body) : [envelope];
    for (const { messageId, sequence, body } of messages) {
      this.heard.push({
        messageId,
        sequence,
        inContainer: isContainer(envelope.body),
        value: decoded(body),
      });
    }
  }
}

function decoded(body: Buffer): TlObject {
  const constructorId = body.readUInt32LE(0);
  if (constructorId !== RPC_RESULT_ID) {
    const api = schemas.api(198);
    const isProtocol = schemas.protocol.byId.has(constructorId) || api === undefined;
    return decodeObject(isProtocol ? schemas.protocol : api, body);
  }
  const { requestId, result, wasPacked } = openRpcResult(body);
  return {
    _: 'rpc_result',
    req_msg_id: requestId,
    result: resultOf(result),
    was_packed: wasPacked,
  };
}

function resultOf(result: Buffer): TlObject {
  const id = result.readUInt32LE(0);
  const api = schemas.api(198);
  if (schemas.protocol.byId.has(id)) return decodeObject(schemas.protocol, result);
  return api?.byId.has(id) === true ? decodeObject(api, result) : { _: 'bytes', bytes: result };
}
