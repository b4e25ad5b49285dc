import { isIP, type Socket } from 'node:net';

/** What a client asked a SOCKS5 front for. */
export interface SocksRequest {
  /** `address:port`, as asked; names are not resolved. */
  readonly destination: string;
  /**
   * The SOCKS user name where it is an IP address: how a test on one machine gives a client an
   * address of its own.
   */
  readonly clientIp: string | null;
}

const VERSION = 5;
const NO_AUTHENTICATION = 0;
const USER_AND_PASSWORD = 2;
const NOTHING_ACCEPTABLE = 0xff;
const COMMAND_CONNECT = 1;
const REPLY_OK = Buffer.from([VERSION, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
const REPLY_REFUSED = Buffer.from([VERSION, 7, 0, 1, 0, 0, 0, 0, 0, 0]);
const MAX_GREETING = 1024;

/**
 * A step of the greeting: how many bytes it takes and what to answer; null while bytes are missing.
 */
type Step = (
  bytes: Buffer,
) => { readonly taken: number; readonly answer: Buffer; readonly next: Step | null } | null;

/**
 * Speaks the server's half of SOCKS5 (RFC 1928, user and password by RFC 1929; any password will
 * do) and then hands the socket
 * over with what was asked: nothing is ever connected anywhere. A client that speaks something else
 * is cut off.
 */
export function serveSocks(socket: Socket, onRequest: (request: SocksRequest) => void): void {
  const greeting = new Greeting();
  let pending: Buffer = Buffer.alloc(0);
  const onError = () => socket.destroy();
  const onData = (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    const outcome = pending.length > MAX_GREETING ? 'broken' : greeting.feed(pending);
    if (outcome === 'broken') return void socket.destroy();
    pending = pending.subarray(outcome.taken);
    if (outcome.answer.length > 0) socket.write(outcome.answer);
    if (outcome.request === null) return undefined;
    socket.off('data', onData).off('error', onError);
    onRequest(outcome.request);
    if (pending.length > 0) socket.emit('data', pending);
  };
  socket.on('error', onError).on('data', onData);
}

class Greeting {
  #step: Step | null = (bytes) => this.#methods(bytes);
  #request: SocksRequest | null = null;
  #clientIp: string | null = null;

  /** Consumes as many whole steps as there are. */
  feed(bytes: Buffer): { taken: number; answer: Buffer; request: SocksRequest | null } | 'broken' {
    let taken = 0;
    const answers: Buffer[] = [];
    while (this.#step !== null) {
      const rest = bytes.subarray(taken);
      if (rest.length > 0 && rest[0] !== VERSION && rest[0] !== 1) return 'broken';
      const done = this.#step(rest);
      if (done === null) break;
      taken += done.taken;
      answers.push(done.answer);
      this.#step = done.next;
    }
    return { taken, answer: Buffer.concat(answers), request: this.#request };
  }

  #methods(bytes: Buffer): ReturnType<Step> {
    const count = bytes[1];
    if (count === undefined || bytes.length < 2 + count) return null;
    const offered = bytes.subarray(2, 2 + count);
    const taken = 2 + count;
    if (offered.includes(USER_AND_PASSWORD))
      return { taken, answer: method(USER_AND_PASSWORD), next: (rest) => this.#user(rest) };
    if (offered.includes(NO_AUTHENTICATION))
      return { taken, answer: method(NO_AUTHENTICATION), next: (rest) => this.#connect(rest) };
    return { taken, answer: method(NOTHING_ACCEPTABLE), next: null };
  }

  #user(bytes: Buffer): ReturnType<Step> {
    const userLength = bytes[1] ?? 0;
    const passwordLength = bytes[2 + userLength];
    if (passwordLength === undefined || bytes.length < 3 + userLength + passwordLength) return null;
    const user = bytes.subarray(2, 2 + userLength).toString('utf8');
    this.#clientIp = isIP(user) === 0 ? null : user;
    return {
      taken: 3 + userLength + passwordLength,
      answer: Buffer.from([1, 0]),
      next: (rest) => this.#connect(rest),
    };
  }

  #connect(bytes: Buffer): ReturnType<Step> {
    const host = bytes.length < 5 ? null : hostOf(bytes);
    if (host === null || bytes.length < host.end + 2) return null;
    const taken = host.end + 2;
    if (bytes[1] !== COMMAND_CONNECT) return { taken, answer: REPLY_REFUSED, next: null };
    this.#request = {
      destination: `${host.name}:${bytes.readUInt16BE(host.end)}`,
      clientIp: this.#clientIp,
    };
    return { taken, answer: REPLY_OK, next: null };
  }
}

/** The address of a request: type at 3, then 4 bytes, a counted name, or 16 bytes. */
function hostOf(bytes: Buffer): { readonly name: string; readonly end: number } | null {
  const type = bytes[3];
  const length = type === 1 ? 4 : type === 4 ? 16 : 1 + (bytes[4] ?? 0);
  const end = 4 + length;
  if (bytes.length < end) return null;
  if (type === 1) return { name: bytes.subarray(4, end).join('.'), end };
  if (type === 3) return { name: bytes.subarray(5, end).toString('utf8'), end };
  const groups = Array.from({ length: 8 }, (_, index) =>
    bytes.readUInt16BE(4 + 2 * index).toString(16),
  );
  return { name: groups.join(':'), end };
}

function method(chosen: number): Buffer {
  return Buffer.from([VERSION, chosen]);
}
