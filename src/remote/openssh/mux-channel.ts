import { Duplex, Readable } from 'node:stream';
import { type Field, type PacketReader, ssh, sshMessage } from './mux-packets.ts';

/** Bytes that a host may send ahead of its reader, on one channel. */
export const WINDOW_BYTES = 2 * 1024 * 1024;
export const PACKET_BYTES = 32 * 1024;

/** Requests of a host on one channel: each is answered, and it need not read the answers. */
const MAX_ASKS = 1_000;

/** What a channel needs of its connection. */
export interface PacketWriter {
  /** Takes it in any case. */
  send(packet: Buffer): void;
  /** Calls back when the socket takes more; at once where it does. */
  whenWritable(then: () => void): void;
  /** The channel's number is free again. */
  forget(id: number): void;
}

/** The host broke the protocol. */
export class ChannelMisuse extends Error {}

/**
 * One channel of a shared connection, as ssh2 has them: standard input and output, `stderr`, and
 * the event `exit` with the exit code, or null and the signal's name. It is closed when the host
 * has closed it and all output was read.
 */
export class MuxChannel extends Duplex {
  readonly id: number;
  readonly stderr: Readable;
  readonly #wire: PacketWriter;
  #peer = 0;
  #peerPacket = PACKET_BYTES;
  /** Bytes that the host still takes. */
  #peerWindow = 0;
  /** Bytes that the host may still send, and those that were read since it was told so. */
  #window = WINDOW_BYTES;
  #consumed = 0;
  readonly #waiting = new Set<Readable>();
  #pending: { chunk: Buffer; done: (error?: Error | null) => void } | null = null;
  #isClosedByHost = false;
  #asks = 0;
  #hasSentClose = false;
  #replies: ((isSuccess: boolean) => void)[] = [];

  constructor(id: number, wire: PacketWriter) {
    super({ autoDestroy: false, allowHalfOpen: true });
    this.id = id;
    this.#wire = wire;
    this.stderr = new Readable({ read: () => this.#reads(this.stderr) });
    this.on('error', () => {});
    this.stderr.on('error', () => {});
  }

  /** The host opened it. */
  confirmed(packet: PacketReader): void {
    this.#peer = packet.uint32();
    this.#peerWindow = packet.uint32();
    this.#peerPacket = Math.min(packet.uint32(), PACKET_BYTES);
  }

  /** Calls back with whether the host did it, before anything that follows is heard. */
  request(name: string, fields: readonly Field[], onReply: (isDone: boolean) => void): void {
    this.#replies.push(onReply);
    this.#send(ssh.request, name, { byte: 1 }, ...fields);
  }

  close(): void {
    if (this.#hasSentClose) return;
    this.#hasSentClose = true;
    this.#wire.send(sshMessage(ssh.close, this.#peer));
    if (this.#isClosedByHost) this.#wire.forget(this.id);
  }

  /** A packet for this channel, without type and channel number. Throws {@link ChannelMisuse}. */
  receive(type: number, packet: PacketReader): void {
    if (type === ssh.data) this.#hear(this, packet.bytes());
    else if (type === ssh.extendedData) {
      packet.uint32();
      this.#hear(this.stderr, packet.bytes());
    } else if (type === ssh.windowAdjust) {
      this.#peerWindow += packet.uint32();
      this.#flush();
    } else if (type === ssh.eof) this.#endOutput();
    else if (type === ssh.close) this.#closedByHost();
    else if (type === ssh.request) this.#asked(packet);
    else if (type === ssh.success || type === ssh.failure) {
      this.#replies.shift()?.(type === ssh.success);
    }
  }

  /** The connection is over. */
  lost(): void {
    this.#hasSentClose = true;
    this.#isClosedByHost = true;
    for (const reply of this.#replies.splice(0)) reply(false);
    this.destroy();
  }

  #hear(stream: Readable, bytes: Buffer): void {
    this.#window -= bytes.length;
    if (this.#window < 0) throw new ChannelMisuse('the host sent more than it may');
    this.#consumed += bytes.length;
    const isRead = !stream.destroyed && !stream.readableEnded;
    // A copy: what is kept would keep the whole of what came with it.
    if (isRead && !stream.push(Buffer.from(bytes))) this.#waiting.add(stream);
    this.#widen();
  }

  #reads(stream: Readable): void {
    this.#waiting.delete(stream);
    this.#widen();
  }

  /** Lets the host send on when its reader keeps up. */
  #widen(): void {
    if (this.#waiting.size > 0 || this.#consumed < WINDOW_BYTES / 2) return;
    this.#window += this.#consumed;
    this.#send(ssh.windowAdjust, this.#consumed);
    this.#consumed = 0;
  }

  #asked(packet: PacketReader): void {
    this.#asks += 1;
    if (this.#asks > MAX_ASKS) throw new ChannelMisuse('the host asks over SSH without end');
    const name = packet.text();
    const wantsReply = packet.byte() !== 0;
    if (name === 'exit-status') this.emit('exit', packet.uint32());
    else if (name === 'exit-signal') this.emit('exit', null, `SIG${packet.text()}`);
    else if (wantsReply) this.#send(ssh.failure);
  }

  #endOutput(): void {
    for (const stream of [this, this.stderr]) {
      if (!stream.destroyed && !stream.readableEnded) stream.push(null);
    }
  }

  #closedByHost(): void {
    if (this.#isClosedByHost) return;
    this.#isClosedByHost = true;
    this.#endOutput();
    for (const reply of this.#replies.splice(0)) reply(false);
    if (this.#hasSentClose) this.#wire.forget(this.id);
    else this.close();
    // Whoever reads only one of them waits for that one.
    if (this.stderr.readableFlowing === null) this.stderr.resume();
    const unread = [this, this.stderr].filter((one) => !one.readableEnded && !one.destroyed);
    const left = new Set<Readable>(unread);
    if (left.size === 0) this.destroy();
    for (const stream of unread) {
      const isRead = (): void => {
        left.delete(stream);
        if (left.size === 0) this.destroy();
      };
      stream.once('end', isRead);
      if (stream === this.stderr) stream.once('close', isRead);
    }
  }

  #send(type: number, ...fields: readonly Field[]): void {
    if (!this.#hasSentClose) this.#wire.send(sshMessage(type, this.#peer, ...fields));
  }

  override _read(): void {
    this.#reads(this);
  }

  override _write(
    chunk: Buffer,
    _encoding: BufferEncoding,
    done: (error?: Error | null) => void,
  ): void {
    this.#pending = { chunk, done };
    this.#flush();
  }

  /** Sends of what is pending as much as the host takes; calls back when all is sent. */
  #flush(): void {
    const pending = this.#pending;
    if (pending === null) return;
    while (pending.chunk.length > 0 && this.#peerWindow > 0 && !this.#hasSentClose) {
      const size = Math.min(pending.chunk.length, this.#peerWindow, this.#peerPacket);
      this.#peerWindow -= size;
      this.#send(ssh.data, pending.chunk.subarray(0, size));
      pending.chunk = pending.chunk.subarray(size);
    }
    if (pending.chunk.length > 0 && !this.#hasSentClose) return;
    this.#pending = null;
    this.#wire.whenWritable(() => pending.done());
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#send(ssh.eof);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.close();
    this.stderr.destroy();
    const pending = this.#pending;
    this.#pending = null;
    pending?.done();
    done(error);
  }
}

/** Why a channel was not opened, as ssh2 tells it: RFC 4254, section 5.1. */
export class OpenRefusal extends Error {
  /** 1 prohibited, 2 connect failed, 3 unknown channel type, 4 resource shortage. */
  readonly reason: number;

  constructor(packet: PacketReader) {
    const reason = packet.uint32();
    super(packet.text());
    this.reason = reason;
  }
}
