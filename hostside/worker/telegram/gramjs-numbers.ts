// Imported before everything else of the library, because its modules keep what they find here at
// their start.
import helpers from 'telegram/Helpers.js';

type Big = ReturnType<typeof helpers.returnBigInt>;

const { readBigIntFromBuffer, returnBigInt, toSignedLittleBuffer } = helpers;

/** Numbers of 64 bits carry their value as the language's own. */
const nativeOf = (big: Big | string | number): bigint => {
  const value: unknown = typeof big === 'object' && 'value' in big ? big.value : null;
  return typeof value === 'bigint' ? value : BigInt(big.toString());
};

/**
 * The library turns each number of 64 bits into text, digits and single bytes and back: a third of
 * the time and more than half of the garbage that a
 * message makes. The same numbers, read and written directly; all other widths stay as they are.
 */
Object.assign(helpers, {
  readBigIntFromBuffer(buffer: Buffer, isLittle = true, isSigned = false): Big {
    if (buffer.length !== 8 || !isLittle) return readBigIntFromBuffer(buffer, isLittle, isSigned);
    return returnBigInt(isSigned ? buffer.readBigInt64LE() : buffer.readBigUInt64LE());
  },
  toSignedLittleBuffer(big: Big | string | number, bytes = 8): Buffer {
    if (bytes !== 8) return toSignedLittleBuffer(returnBigInt(big), bytes);
    const written = Buffer.allocUnsafe(8);
    written.writeBigInt64LE(BigInt.asIntN(64, nativeOf(big)));
    return written;
  },
});
