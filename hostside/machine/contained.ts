import { join } from 'node:path';
import { readSmallFile } from './durable-file.ts';
import type { Places } from './places.ts';
import { plainText } from './plain-text.ts';

/**
 * Why bin/fleet-quota has ended the account, one line of at most 300 characters; null: it has not,
 * or an operator has started it since.
 */
export const containedWords = (places: Places, keyId: string): string | null => {
  const file = readSmallFile(join(places.overQuota, keyId), 4096);
  return file === null ? null : plainText('text' in file ? file.text.trim() : file.fault, 300);
};
