/** The stand-in for the package's AES gives the same bytes, whatever key, vector and message. */
import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { IGE as Packaged } from 'telegram/crypto/IGE.js';
import { expect, test } from 'vitest';
import { IGE } from '../../../hostside/worker/aes-ige.ts';

const bytes = (constraints: { readonly minLength: number; readonly maxLength: number }) =>
  fc.uint8Array(constraints).map((array) => Buffer.from(array));
const exactly = (length: number) => bytes({ minLength: length, maxLength: length });
const blocks = bytes({ minLength: 1, maxLength: 64 }).map((seed) =>
  Buffer.concat(
    Array.from({ length: 16 }, (_, index) => Buffer.from(seed.map((byte) => byte ^ (index * 37)))),
  ),
);

/** As the package reads what it gets. */
function bytesOf(words: Uint32Array): Buffer {
  const result = Buffer.alloc(words.length * 4);
  for (const [index, word] of words.entries()) result.writeUInt32BE(word, index * 4);
  return result;
}

test('both directions are those of the package, call after call', () => {
  fc.assert(
    fc.property(exactly(32), exactly(32), blocks, blocks, (key, iv, message, second) => {
      const [ours, theirs] = [new IGE(key, iv), new Packaged(key, iv)];
      for (const each of [message, second]) {
        expect(bytesOf(ours.encrypt(each))).toEqual(theirs.encryptIge(each));
        expect(bytesOf(ours.decrypt(each))).toEqual(theirs.decryptIge(each));
      }
    }),
    { numRuns: 200 },
  );
});

test('one block with an empty vector is AES-256 of FIPS 197, appendix C.3', () => {
  const key = Buffer.from(
    '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
    'hex',
  );
  const plain = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
  const encrypted = bytesOf(new IGE(key, Buffer.alloc(32)).encrypt(plain));
  expect(encrypted.toString('hex')).toBe('8ea2b7ca516745bfeafc49904b496089');
  const node = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false);
  expect(node.update(plain)).toEqual(encrypted);
});
