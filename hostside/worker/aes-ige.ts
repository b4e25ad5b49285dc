/**
 * In the programs for hosts this stands in for `@cryptography/aes`, which the `telegram` package
 * asks
 * for AES-256 in IGE mode: that package may only be passed on under the GPL, and fleet is MIT.
 *
 * Node's own cryptography has no IGE, and made of its other modes a message takes five times as
 * long:
 * a cipher object costs more than the few blocks of a message. Tables as in FIPS 197 and in "The
 * design
 * of Rijndael" (Daemen, Rijmen), section 4.2: one word holds a byte's way through SubBytes and
 * MixColumns.
 *
 * IGE, as https://core.telegram.org/mtproto/description uses it: c[i] = E(p[i] ^ c[i-1]) ^ p[i-1].
 */

const rounds = 14;
const roundWords = 4;
const keyWords = roundWords * (rounds + 1);
/** What stands for a word that is not there; there is none. */
const at = (words: Uint32Array | Uint8Array, index: number): number => words[index] as number;

const double = (byte: number): number => ((byte << 1) ^ (byte & 0x80 ? 0x11b : 0)) & 0xff;
/** Product in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1. */
const times = (byte: number, factor: number): number => {
  let [sum, power] = [0, byte];
  for (let rest = factor; rest > 0; rest >>= 1) {
    if (rest & 1) sum ^= power;
    power = double(power);
  }
  return sum;
};

const [substitute, restore] = substitutions();

/**
 * SubBytes and its inverse: the inverse in GF(2^8), found by walking the powers of 3, and the
 * affine map of FIPS 197, 5.1.1.
 */
function substitutions(): readonly [Uint8Array, Uint8Array] {
  const [forward, back] = [new Uint8Array(256), new Uint8Array(256)];
  let [power, inverse] = [1, 1];
  do {
    power = times(power, 3);
    // 0xf6 is the inverse of 3
    inverse = times(inverse, 0xf6);
    const spread = inverse * 0x0101;
    forward[power] =
      (inverse ^ (spread >> 4) ^ (spread >> 5) ^ (spread >> 6) ^ (spread >> 7) ^ 0x63) & 0xff;
  } while (power !== 1);
  forward[0] = 0x63;
  for (const [byte, result] of forward.entries()) back[result] = byte;
  return [forward, back];
}

/**
 * Four tables: a byte's contribution to a column, by the row in which it stands. `factors`: the
 * column of MixColumns.
 */
const columnTables = (bytes: Uint8Array, factors: readonly number[]): readonly Uint32Array[] =>
  [0, 1, 2, 3].map((row) =>
    Uint32Array.from(bytes, (byte) => {
      const word = factors.reduce((sum, factor) => ((sum << 8) | times(byte, factor)) >>> 0, 0);
      return ((word >>> (8 * row)) | (row === 0 ? 0 : word << (32 - 8 * row))) >>> 0;
    }),
  );

/**
 * What one direction needs: its tables, the bytes of the last round, and the order of a block's
 * columns.
 */
interface Direction {
  readonly tables: readonly Uint32Array[];
  readonly bytes: Uint8Array;
  readonly order: readonly [number, number, number, number];
}
const forward: Direction = {
  tables: columnTables(substitute, [2, 1, 1, 3]),
  bytes: substitute,
  order: [0, 1, 2, 3],
};
/** ShiftRows goes the other way round: the same as going forward with the columns in this order. */
const backward: Direction = {
  tables: columnTables(restore, [14, 9, 13, 11]),
  bytes: restore,
  order: [0, 3, 2, 1],
};

/** The keys of all rounds. `key`: 32 bytes. */
function expand(key: Uint8Array): Uint32Array {
  const words = new Uint32Array(keyWords);
  for (let n = 0; n < 8; n += 1)
    words[n] =
      ((at(key, 4 * n) << 24) |
        (at(key, 4 * n + 1) << 16) |
        (at(key, 4 * n + 2) << 8) |
        at(key, 4 * n + 3)) >>>
      0;
  let constant = 1;
  for (let n = 8; n < keyWords; n += 1) {
    let word = at(words, n - 1);
    if (n % 8 === 0) {
      word = substituteWord((word << 8) | (word >>> 24)) ^ (constant << 24);
      constant = double(constant);
    } else if (n % 8 === 4) word = substituteWord(word);
    words[n] = at(words, n - 8) ^ word;
  }
  return words;
}

const substituteWord = (word: number): number =>
  (at(substitute, word >>> 24) << 24) |
  (at(substitute, (word >>> 16) & 0xff) << 16) |
  (at(substitute, (word >>> 8) & 0xff) << 8) |
  at(substitute, word & 0xff);

/**
 * The same keys for the way back: last round first, InvMixColumns applied to those in between (FIPS
 * 197, 5.3.5).
 */
function reversed(keys: Uint32Array): Uint32Array {
  const [t0, t1, t2, t3] = backward.tables as [Uint32Array, Uint32Array, Uint32Array, Uint32Array];
  const mixed = (word: number): number =>
    at(t0, at(substitute, word >>> 24)) ^
    at(t1, at(substitute, (word >>> 16) & 0xff)) ^
    at(t2, at(substitute, (word >>> 8) & 0xff)) ^
    at(t3, at(substitute, word & 0xff));
  return keys.map((_, index) => {
    const round = Math.floor(index / roundWords);
    const word = at(
      keys,
      roundWords * (rounds - round) + (backward.order[index % roundWords] as number),
    );
    return round === 0 || round === rounds ? word : mixed(word);
  });
}

/** One block in place: four words. Locals and no loops over them: this is where the time goes. */
function cipherBlock(block: Uint32Array, keys: Uint32Array, { tables, bytes }: Direction): void {
  const [t0, t1, t2, t3] = tables as [Uint32Array, Uint32Array, Uint32Array, Uint32Array];
  const column = (a: number, b: number, c: number, d: number, key: number): number =>
    at(t0, a >>> 24) ^
    at(t1, (b >>> 16) & 0xff) ^
    at(t2, (c >>> 8) & 0xff) ^
    at(t3, d & 0xff) ^
    at(keys, key);
  const last = (a: number, b: number, c: number, d: number, key: number): number =>
    ((at(bytes, a >>> 24) << 24) |
      (at(bytes, (b >>> 16) & 0xff) << 16) |
      (at(bytes, (c >>> 8) & 0xff) << 8) |
      at(bytes, d & 0xff)) ^
    at(keys, key);
  let a = at(block, 0) ^ at(keys, 0);
  let b = at(block, 1) ^ at(keys, 1);
  let c = at(block, 2) ^ at(keys, 2);
  let d = at(block, 3) ^ at(keys, 3);
  let key = roundWords;
  for (; key < keyWords - roundWords; key += roundWords) {
    const nextA = column(a, b, c, d, key);
    const nextB = column(b, c, d, a, key + 1);
    const nextC = column(c, d, a, b, key + 2);
    d = column(d, a, b, c, key + 3);
    a = nextA;
    b = nextB;
    c = nextC;
  }
  block[0] = last(a, b, c, d, key);
  block[1] = last(b, c, d, a, key + 1);
  block[2] = last(c, d, a, b, key + 2);
  block[3] = last(d, a, b, c, key + 3);
}

/**
 * Words of which the first byte is the highest: what the `telegram` package turns back into bytes.
 */
const wordsOf = (bytes: Buffer): Uint32Array => {
  const words = new Uint32Array(bytes.length >>> 2);
  for (let n = 0; n < words.length; n += 1) words[n] = bytes.readUInt32BE(4 * n);
  return words;
};

/**
 * `key`: 32 bytes; `iv`: 32 bytes, c[0] and p[0]. Each call begins with them. Takes whole blocks of
 * 16 bytes.
 */
export class IGE {
  readonly #keys: Uint32Array;
  readonly #cipherBefore: Uint32Array;
  readonly #plainBefore: Uint32Array;

  constructor(key: Buffer, iv: Buffer) {
    this.#keys = expand(key);
    this.#cipherBefore = wordsOf(iv.subarray(0, 16));
    this.#plainBefore = wordsOf(iv.subarray(16, 32));
  }

  encrypt(plain: Buffer): Uint32Array {
    return chain(plain, [this.#cipherBefore, this.#plainBefore], this.#keys, forward);
  }

  decrypt(encrypted: Buffer): Uint32Array {
    return chain(
      encrypted,
      [this.#plainBefore, this.#cipherBefore],
      reversed(this.#keys),
      backward,
    );
  }
}

/**
 * IGE is the same in both directions: each block is mixed with the result before it, ciphered, and
 * mixed with the input before it.
 */
function chain(
  input: Buffer,
  [resultBefore, inputBefore]: readonly [Uint32Array, Uint32Array],
  keys: Uint32Array,
  direction: Direction,
): Uint32Array {
  const words = wordsOf(input);
  const result = new Uint32Array(words.length);
  const block = new Uint32Array(4);
  const [, second, third, fourth] = direction.order;
  let [previous, before] = [resultBefore, inputBefore];
  // where the previous block begins in both
  let last = 0;
  for (let start = 0; start < words.length; start += 4) {
    block[0] = at(words, start) ^ at(previous, last);
    block[1] = at(words, start + second) ^ at(previous, last + second);
    block[2] = at(words, start + third) ^ at(previous, last + third);
    block[3] = at(words, start + fourth) ^ at(previous, last + fourth);
    cipherBlock(block, keys, direction);
    result[start] = at(block, 0) ^ at(before, last);
    result[start + second] = at(block, 1) ^ at(before, last + second);
    result[start + third] = at(block, 2) ^ at(before, last + third);
    result[start + fourth] = at(block, 3) ^ at(before, last + fourth);
    [previous, before, last] = [result, words, start];
  }
  return result;
}
