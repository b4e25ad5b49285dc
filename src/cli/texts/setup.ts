import type { createKey, rotateKey } from '../../verbs/setup/vault-key.ts';
import { formatRotated } from '../render/vault.ts';
import type { TextOf, VerbText } from '../verb-text.ts';

const ofCreateKey: TextOf<typeof createKey> = {
  result: ({ path, recipient }) => `${path} created. Keep a copy elsewhere: without it no session can be read.\nPublic key: ${recipient}`,
};

const ofRotateKey: TextOf<typeof rotateKey> = { done: (rotated) => formatRotated(rotated) };

export const texts: Readonly<Record<string, VerbText>> = { 'vault create-key': ofCreateKey, 'vault rotate-key': ofRotateKey };
