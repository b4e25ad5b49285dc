import { randomBytes } from 'node:crypto';
import { Duplex } from 'node:stream';
import { quoteShell } from '../shared/shell-command.ts';
import type { SshLink } from './link.ts';
import type { SessionChannel } from './session-channel.ts';
import { socketFailure } from './ssh-refusals.ts';

/**
 * Bytes before the socket is there at most: what start files print, and the reason why it is not.
 */
const MAX_NOISE_BYTES = 64 * 1024;

/**
 * Connects standard input and output with a unix socket: says so by the marker and a full stop, or
 * by the marker, `!` and the reason. It takes one
 * request (to its empty line) and copies the answer to its end. perl-base is essential on Debian
 * and Ubuntu, and starts in a few milliseconds.
 */
const PROGRAM = [
  '$|=1; my ($p,$m,$t)=@ARGV; alarm $t;',
  'my $s; socket($s,AF_UNIX,SOCK_STREAM,0) && connect($s,pack_sockaddr_un($p)) or do { ' +
    'print "$m!$!\\n"; exit 1 }; print "$m.";',
  'my ($r,$b)=(""); while (sysread(STDIN,$b,65536)) { syswrite($s,$b); ' +
    '$r=substr($r.$b,-65540); last if $r=~/\\r\\n\\r\\n/ }',
  'while (sysread($s,$b,65536)) { print $b }',
].join(' ');

/**
 * A stream to a unix socket on the host, carried by a command of the login user: for hosts whose
 * sshd forwards no sockets. It can be written to at
 * once; it is destroyed with `agent-unreachable` when the host says why nothing answers.
 * `onConnected` tells that the socket is there.
 */
export async function openSocketByCommand(
  link: SshLink,
  path: string,
  limitMs: number,
  onConnected: () => void,
): Promise<Duplex> {
  const marker = `fleet-${randomBytes(9).toString('hex')}`;
  const limitS = Math.ceil(limitMs / 1000) + 5;
  const command =
    `LC_ALL=C exec perl -MSocket -e ${quoteShell(PROGRAM)} ${quoteShell(path)} ${marker} ` +
    `${limitS}`;
  let stream: CommandStream | null = null;
  await link.openSession(`exec /bin/sh -c ${quoteShell(command)}`, limitMs, (channel) => {
    const fail = (words: string) => stream?.destroy(socketFailure(link.target, path, words));
    stream = new CommandStream(channel, marker, onConnected, fail);
  });
  return stream as unknown as CommandStream;
}

class CommandStream extends Duplex {
  readonly #channel: SessionChannel;
  readonly #marker: string;
  readonly #onConnected: () => void;
  readonly #fail: (words: string) => void;
  /** What came before the marker; null once it is past. */
  #head: Buffer | null = Buffer.alloc(0);
  #said = '';

  constructor(
    channel: SessionChannel,
    marker: string,
    onConnected: () => void,
    fail: (words: string) => void,
  ) {
    super();
    // The host may say why nothing answers before the caller listens, who then finds the stream
    // destroyed.
    this.on('error', () => {});
    this.#channel = channel;
    this.#marker = marker;
    this.#onConnected = onConnected;
    this.#fail = fail;
    channel.on('data', (chunk: Buffer) => this.#take(chunk));
    channel.stderr.on('data', (chunk: Buffer) => {
      this.#said = (this.#said + chunk.toString('utf8')).slice(-4096);
    });
    channel.on('close', () => this.#end());
    channel.on('error', () => {});
  }

  #take(chunk: Buffer): void {
    if (this.#head === null) {
      if (!this.push(chunk)) this.#channel.pause();
      return;
    }
    // A host may continue to send for ever after the client has left.
    if (this.destroyed) return;
    this.#head = Buffer.concat([this.#head, chunk]);
    const at = this.#head.indexOf(this.#marker);
    const isReady = at !== -1 && this.#head[at + this.#marker.length] === 0x2e;
    if (!isReady && this.#head.length > MAX_NOISE_BYTES) this.#fail(this.#head.toString('utf8'));
    if (at === -1 || this.destroyed) return;
    const rest = this.#head.subarray(at + this.#marker.length);
    // '.' is the socket; anything else its absence, told to the end of the line.
    if (rest[0] !== 0x2e) return;
    this.#head = null;
    this.#onConnected();
    if (rest.length > 1) this.#take(rest.subarray(1));
  }

  #end(): void {
    if (this.#head === null) {
      this.push(null);
      return;
    }
    const text = this.#head.toString('utf8');
    const at = text.indexOf(`${this.#marker}!`);
    this.#fail(at === -1 ? `${text}\n${this.#said}` : text.slice(at + this.#marker.length + 1));
  }

  override _read(): void {
    this.#channel.resume();
  }

  override _write(
    chunk: Buffer,
    _encoding: BufferEncoding,
    done: (error?: Error | null) => void,
  ): void {
    if (this.#channel.writable) this.#channel.write(chunk, () => done());
    else done();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#channel.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#channel.close();
    this.#channel.resume();
    done(error);
  }
}
