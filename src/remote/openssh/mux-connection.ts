import { connect, type Socket } from 'node:net';
import {
  ChannelMisuse,
  MuxChannel,
  OpenRefusal,
  PACKET_BYTES,
  type PacketWriter,
  WINDOW_BYTES,
} from './mux-channel.ts';
import {
  type Field,
  mux,
  muxMessage,
  PacketReader,
  PacketSplitter,
  ssh,
  sshMessage,
} from './mux-packets.ts';

/** The connection of one `ssh` that shares it (ControlMaster), taken whole: its channels. */
export interface MuxConnection {
  /** The process that holds the connection. */
  readonly pid: number;
  /**
   * Opens a channel (RFC 4254, section 5.1). Rejects with {@link OpenRefusal} where the host
   * refuses; never settles when the connection ends meanwhile.
   */
  open(type: string, ...fields: readonly Field[]): Promise<MuxChannel>;
  /** Calls once, when the connection is over. `why`: the host or `ssh` broke the protocol. */
  onClose(listener: (why: Error | null) => void): void;
  destroy(): void;
}

/** Joins the `ssh` that listens at `path`, within `limitMs`. Rejects with the reason in words. */
export async function joinMux(path: string, limitMs: number): Promise<MuxConnection> {
  const socket = connect(path);
  const timer = setTimeout(
    () => socket.destroy(new Error('ssh does not answer on its socket')),
    limitMs,
  );
  try {
    return await greet(socket);
  } catch (failure) {
    socket.destroy();
    throw failure;
  } finally {
    clearTimeout(timer);
  }
}

/** Says hello, asks for the process id, then for the connection itself. */
function greet(socket: Socket): Promise<MuxConnection> {
  return new Promise((resolve, reject) => {
    const splitter = new PacketSplitter();
    let pid = 0;
    let take = (packet: Buffer): void => {
      const reader = new PacketReader(packet);
      const kind = reader.uint32();
      const about = reader.uint32();
      if (kind === mux.hello) {
        if (about === mux.version) return;
        throw new Error(`ssh shares its connection by version ${about}, not ${mux.version}`);
      }
      if (kind === mux.alive) pid = reader.uint32();
      else if (kind === mux.proxyOk) {
        const connection = new Connection(socket, pid);
        take = (next) => connection.take(next);
        resolve(connection);
      } else if (kind === mux.failure || kind === mux.permissionDenied) {
        throw new Error(`ssh does not share its connection: ${reader.text()}`);
      } else throw new Error(`ssh answered with message ${kind}`);
    };
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('ssh closed its socket')));
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const packet of splitter.push(chunk)) take(packet);
      } catch (failure) {
        reject(failure);
        socket.destroy(failure instanceof Error ? failure : new Error(String(failure)));
      }
    });
    socket.write(muxMessage(mux.hello, mux.version));
    socket.write(muxMessage(mux.aliveCheck, 0));
    socket.write(muxMessage(mux.proxy, 1));
  });
}

/** A channel that is asked for: what becomes of it. */
interface Opening {
  readonly channel: MuxChannel;
  readonly resolve: (channel: MuxChannel) => void;
  readonly reject: (refusal: OpenRefusal) => void;
}

class Connection implements MuxConnection, PacketWriter {
  readonly pid: number;
  readonly #socket: Socket;
  readonly #channels = new Map<number, MuxChannel>();
  readonly #openings = new Map<number, Opening>();
  readonly #listeners: ((why: Error | null) => void)[] = [];
  #nextId = 0;
  #why: Error | null = null;
  #isOver = false;
  #isCorked = false;

  constructor(socket: Socket, pid: number) {
    this.pid = pid;
    this.#socket = socket;
    // One for each channel that waits for room.
    socket.setMaxListeners(0);
    socket.on('error', (why) => {
      this.#why ??= why instanceof ChannelMisuse || why instanceof RangeError ? why : null;
    });
    socket.on('close', () => this.#end());
  }

  open(type: string, ...fields: readonly Field[]): Promise<MuxChannel> {
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      this.#openings.set(id, { channel: new MuxChannel(id, this), resolve, reject });
      this.send(sshMessage(ssh.open, type, id, WINDOW_BYTES, PACKET_BYTES, ...fields));
    });
  }

  /** A packet of the connection protocol. Throws where it makes no sense. */
  take(packet: Buffer): void {
    const reader = new PacketReader(packet);
    reader.byte();
    const type = reader.byte();
    if (type < ssh.openConfirmation || type > ssh.failure) return;
    const id = reader.uint32();
    const opening = this.#openings.get(id);
    if (opening === undefined) {
      this.#channels.get(id)?.receive(type, reader);
      return;
    }
    if (type !== ssh.openConfirmation && type !== ssh.openFailure) {
      throw new ChannelMisuse('the host used a channel that is not open');
    }
    this.#openings.delete(id);
    if (type === ssh.openFailure) {
      opening.reject(new OpenRefusal(reader));
      return;
    }
    opening.channel.confirmed(reader);
    this.#channels.set(id, opening.channel);
    opening.resolve(opening.channel);
  }

  /** What is written in one turn leaves as one. */
  send(packet: Buffer): void {
    if (this.#isOver) return;
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#isCorked = false;
        this.#socket.uncork();
      });
    }
    this.#socket.write(packet);
  }

  whenWritable(then: () => void): void {
    if (this.#isOver || !this.#socket.writableNeedDrain) {
      then();
      return;
    }
    let isDone = false;
    const once = (): void => {
      if (!isDone) then();
      isDone = true;
    };
    this.#socket.once('drain', once);
    this.#socket.once('close', once);
  }

  forget(id: number): void {
    this.#channels.delete(id);
  }

  onClose(listener: (why: Error | null) => void): void {
    if (this.#isOver) listener(this.#why);
    else this.#listeners.push(listener);
  }

  destroy(): void {
    this.#socket.destroy();
    this.#end();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const listener of this.#listeners.splice(0)) listener(this.#why);
    for (const channel of [...this.#channels.values()]) channel.lost();
    this.#channels.clear();
    this.#openings.clear();
  }
}
