import type { serveVerb } from '../../verbs/serve/serve.ts';
import type { addToken, listTokenVerb, revokeTokenVerb } from '../../verbs/serve/token.ts';
import type { showConfig, validateConfig } from '../../verbs/setup/config.ts';
import type { newFleet } from '../../verbs/setup/new.ts';
import type { createKey, rotateKey } from '../../verbs/setup/vault-key.ts';
import { formatRotated } from '../render/accounts/vault.ts';
import { formatConfig, formatValid } from '../render/setup/config.ts';
import { formatNew } from '../render/setup/new.ts';
import { formatNewToken, formatTokens } from '../render/setup/tokens.ts';
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

const ofServe: TextOf<ReturnType<typeof serveVerb>> = {
  result: ({ at, jobs }) =>
    `stopped; it listened at ${at}${jobs.length === 0 ? '' : `; jobs: ${jobs.join(', ')}`}`,
  endsBySignal: () => true,
};

const ofAddToken: TextOf<typeof addToken> = { done: (made) => formatNewToken(made) };

const ofTokens: TextOf<typeof listTokenVerb> = {
  result: (rows, { nowMs }) => formatTokens(rows, nowMs),
};

const ofRevokeToken: TextOf<typeof revokeTokenVerb> = {
  done: (name) => `token ${name} is not valid any more`,
};

export const texts: Readonly<Record<string, VerbText>> = {
  new: ofNew,
  'config validate': ofValidate,
  'config show': ofShow,
  'vault create-key': ofCreateKey,
  'vault rotate-key': ofRotateKey,
  serve: ofServe,
  'token add': ofAddToken,
  'token list': ofTokens,
  'token revoke': ofRevokeToken,
};
