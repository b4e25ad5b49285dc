import { createSocket } from 'node:dgram';

const headerBytes = 12;

/**
 * The answer to a DNS query: no such name (RFC 1035, 4.1.1: QR, RD copied, RA, RCODE 3) with the
 * question repeated. Undefined for what is no query.
 */
export function nameErrorFor(query: Buffer): Buffer | undefined {
  if (query.length < headerBytes || query.readUInt8(2) >= 0x80) return undefined;
  let end = headerBytes;
  while (end < query.length && query.readUInt8(end) !== 0) end += query.readUInt8(end) + 1;
  end += 5; // the root label, type and class
  if (end > query.length) return undefined;
  const answer = Buffer.from(query.subarray(0, end));
  answer.writeUInt8(0x80 | (query.readUInt8(2) & 0x01), 2);
  answer.writeUInt8(0x83, 3);
  answer.writeUInt16BE(1, 4);
  answer.fill(0, 6, headerBytes);
  return answer;
}

/**
 * A name server that knows no name: without one, each look-up of a host would cost 5 s until the
 * resolver gives up.
 */
export function serveNoNames(address: string): Promise<void> {
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const answer = nameErrorFor(query);
    if (answer) socket.send(answer, from.port, from.address, () => {});
  });
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.bind(53, address, resolve);
  });
}
