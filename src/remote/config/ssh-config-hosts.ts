import type { SshConfigLine } from './ssh-config-file.ts';
import { patternsMatch } from './ssh-config-words.ts';

/** A host that a config names in full. */
export interface NamedHost {
  readonly name: string;
  /** `FILE:LINE`. */
  readonly source: string;
}

/** What can be typed after `ssh` and is no pattern. */
const isWhole = (word: string): boolean => !/[*?!]/.test(word);

/**
 * The hosts that a config's Host lines name in full, Include read, in order, each once. `patterns`:
 * only those that match, as OpenSSH matches
 * (`web-*`, `!web-9`).
 */
export function listSshHosts(
  files: readonly (readonly SshConfigLine[])[],
  patterns: readonly string[],
): readonly NamedHost[] {
  const found = new Map<string, string>();
  const read = (lines: readonly SshConfigLine[]): void => {
    for (const line of lines) {
      if (line.keyword === 'include') for (const file of line.included) read(file);
      if (line.keyword === 'host')
        for (const word of line.values.filter(isWhole))
          if (!found.has(word)) found.set(word, line.source);
    }
  };
  for (const lines of files) read(lines);
  return [...found]
    .filter(([name]) => patternsMatch(patterns, name))
    .map(([name, source]) => ({ name, source }));
}
