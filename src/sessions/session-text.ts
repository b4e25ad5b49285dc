import { foreignBytes, refuseForeign } from './foreign-formats.ts';
import { refuse, type SessionOutcome } from './session-outcome.ts';
import { maxSessionStringLength, parseSessionString } from './session-string.ts';

/** Notepad and PowerShell save UTF-16 with a byte order mark. */
const decode = (bytes: Uint8Array): string =>
  bytes[0] === 0xff && bytes[1] === 0xfe
    ? Buffer.from(bytes).toString('utf16le')
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');

/**
 * Reads the content of a file that is not SQLite: one string session with whatever white space,
 * quotes and byte order mark.
 * Codes: `EMPTY`, `OTHER_FORMAT`, `NOT_SQLITE` (not one word of text at all), otherwise those of
 * {@link parseSessionString}.
 */
export const parseSessionText = (bytes: Uint8Array, where: string): SessionOutcome => {
  const other = foreignBytes(bytes);
  if (other !== undefined) {
    return refuseForeign(other, where);
  }
  const text = bytes.length > 2 * maxSessionStringLength ? '\0' : decode(bytes);
  const bare = text.replace(/^\uFEFF/, '').trim();
  if (bare !== '' && !/^[\x21-\x7e]+$/.test(bare.replace(/^(["'`])\s*(.*?)\s*\1$/s, '$2'))) {
    const hint =
      'Give a session file of Pyrogram or Telethon, or a text file with exactly one ' +
      'string session.';
    return refuse(
      'NOT_SQLITE',
      where,
      'is neither an SQLite file nor a text file with one string session',
      hint,
    );
  }
  return parseSessionString(bare, where);
};
