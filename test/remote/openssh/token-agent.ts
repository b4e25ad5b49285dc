import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer, type Server } from 'node:net';

/** Numbers of the agent's protocol (draft-ietf-sshm-ssh-agent). */
const IDENTITIES = { ask: 11, answer: 12 };
const SIGN = { ask: 13, answer: 14 };
const FAILURE = 5;
const TYPE = 'sk-ssh-ed25519@openssh.com';
const APPLICATION = 'ssh:';

const text = (value: string | Buffer): Buffer => {
  const bytes = Buffer.from(value as string);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
};

/**
 * A security key in software, behind an ssh-agent: it signs as a FIDO token does (PROTOCOL.u2f),
 * with the user present. Debian has no such token.
 */
export interface TokenAgent {
  /** A line for authorized_keys, and for a `.pub` file. */
  readonly publicKey: string;
  close(): void;
}

export async function startTokenAgent(socketPath: string): Promise<TokenAgent> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  const blob = Buffer.concat([text(TYPE), text(raw), text(APPLICATION)]);
  const server: Server = createServer((socket) => {
    let held = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      held = Buffer.concat([held, chunk]);
      while (held.length >= 4 && held.length >= 4 + held.readUInt32BE(0)) {
        const message = held.subarray(4, 4 + held.readUInt32BE(0));
        held = held.subarray(4 + message.length);
        socket.write(text(answer(message, blob, privateKey)));
      }
    });
  });
  await new Promise<void>((done) => server.listen(socketPath, done));
  return {
    publicKey: `${TYPE} ${blob.toString('base64')} token`,
    close: () => void server.close(),
  };
}

function answer(message: Buffer, blob: Buffer, key: KeyObject): Buffer {
  if (message[0] === IDENTITIES.ask) {
    const count = Buffer.from([IDENTITIES.answer, 0, 0, 0, 1]);
    return Buffer.concat([count, text(blob), text('token')]);
  }
  if (message[0] !== SIGN.ask) return Buffer.from([FAILURE]);
  const at = 1 + 4 + message.readUInt32BE(1);
  const data = message.subarray(at + 4, at + 4 + message.readUInt32BE(at));
  const hash = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest();
  const [present, counter] = [Buffer.from([1]), Buffer.from([0, 0, 0, 7])];
  const signed = sign(null, Buffer.concat([hash(APPLICATION), present, counter, hash(data)]), key);
  const signature = Buffer.concat([text(TYPE), text(signed), present, counter]);
  return Buffer.concat([Buffer.from([SIGN.answer]), text(signature)]);
}
