import { createHash } from 'node:crypto';

/**
 * The safe prime that Telegram has used for as long as its protocol is public; another one is
 * refused.
 */
export const knownPrime = Buffer.from(
  [
    'c71caeb9c6b1c9048e6c522f70f13f73980d40238e3e21c14934d037563d930f48198a0aa7c14058229493d22530f4db',
    'fa336f6e0ac925139543aed44cce7c3720fd51f69458705ac68cd4fe6b6b13abdc9746512969328454f18faf8c595f64',
    '2477fe96bb2a941d5bcd1d4ac8cc49880708fa9b378e3c4f3a9060bee67cf9a4a4a695811051907e162753b56b0f6b41',
    '0dba74d8a84b2a14b3144e0ef1284754fd17ed950d5965b4b9dd46582db1178d169c6bc465b0d6ff9ca3928fef5b9ae4',
    'e418fc15e83ebea0f87fa9ff5eed70050ded2849f47bf959d956850ce929851f0d8115f635b105ee2e4e15d04b2454bf',
    '6f4fadf034b10403119cd8e3b92fcc5b',
  ].join(''),
  'hex',
);
/** Generators whose subgroup of that prime is the large one. */
export const knownGenerators: readonly number[] = [3, 4, 5, 7];

/** Big endian, unsigned. */
export const toNumber = (bytes: Uint8Array): bigint =>
  BigInt(`0x0${Buffer.from(bytes).toString('hex')}`);

/** Big endian, filled up with zeros in front. */
export const toBytes = (value: bigint, length: number): Buffer =>
  Buffer.from(value.toString(16).padStart(2 * length, '0'), 'hex');

export const power = (base: bigint, exponent: bigint, modulus: bigint): bigint => {
  let result = 1n;
  let square = base % modulus;
  for (let left = exponent; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
};

export const sha = (algorithm: 'sha1' | 'sha256', ...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash(algorithm);
  for (const part of parts) hash.update(part);
  return hash.digest();
};

const common = (one: bigint, other: bigint): bigint =>
  other === 0n ? one : common(other, one % other);

/**
 * The two prime factors of a product of at most 63 bits, the smaller one first (Pollard's rho in
 * Brent's form is not needed for so few bits); null: none found.
 */
export const factorize = (product: bigint): readonly [bigint, bigint] | null => {
  for (let step = 1n; step < 20n; step += 1n) {
    let [slow, fast, divisor] = [2n, 2n, 1n];
    const next = (value: bigint): bigint => (value * value + step) % product;
    while (divisor === 1n) {
      slow = next(slow);
      fast = next(next(fast));
      divisor = common(slow > fast ? slow - fast : fast - slow, product);
    }
    if (divisor === product) continue;
    const other = product / divisor;
    return divisor < other ? [divisor, other] : [other, divisor];
  }
  return null;
};
