import type { showConfig, validateConfig } from '../../verbs/setup/config.ts';
import type { newFleet } from '../../verbs/setup/new.ts';
import type { createKey, rotateKey } from '../../verbs/setup/vault-key.ts';
import { formatRotated } from '../render/accounts/vault.ts';
import { formatConfig, formatValid } from '../render/setup/config.ts';
import { formatNew } from '../render/setup/new.ts';
import type { TextOf, VerbText } from '../verb-text.ts';

const ofNew: TextOf<typeof newFleet> = {
  result: (end) => (end.kind === 'plan' ? end.text.trimEnd() : formatNew(end)),
};

const ofValidate: TextOf<typeof validateConfig> = {
  result: ({ path, valid }) => formatValid(path, valid),
};

const ofShow: TextOf<typeof showConfig> = {
  result: ({ path, shown }) => formatConfig(path, shown),
};

const ofCreateKey: TextOf<typeof createKey> = {
  result: ({ path, recipient }) =>
    `${path} created. Keep a copy elsewhere: without it no session can be read.\nPublic ` +
    `key: ${recipient}`,
};

const ofRotateKey: TextOf<typeof rotateKey> = { done: (rotated) => formatRotated(rotated) };

export const texts: Readonly<Record<string, VerbText>> = {
  new: ofNew,
  'config validate': ofValidate,
  'config show': ofShow,
  'vault create-key': ofCreateKey,
  'vault rotate-key': ofRotateKey,
};
