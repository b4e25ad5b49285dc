import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  classifyError,
  classifyRefusal,
  type ErrorClass,
  type Failure,
  type Refusal,
} from '../../../../hostside/worker/telegram/classify-error.ts';
import { listedErrors, meaningOf } from '../../../../hostside/worker/telegram/telegram-errors.ts';
import { workerSource } from '../../../../src/release/lean-telegram.ts';

const rpc = (code: number, name: string, seconds: number | null = null): Failure => ({
  kind: 'rpc',
  code,
  name,
  seconds,
});

it.each<[Failure, ErrorClass['class']]>([
  [rpc(406, 'AUTH_KEY_DUPLICATED'), 'duplicated'],
  [rpc(401, 'AUTH_KEY_UNREGISTERED'), 'key-unknown'],
  [rpc(401, 'AUTH_KEY_INVALID'), 'needs-login'],
  [rpc(401, 'AUTH_KEY_PERM_EMPTY'), 'needs-login'],
  [rpc(401, 'SESSION_REVOKED'), 'needs-login'],
  [rpc(401, 'SESSION_EXPIRED'), 'needs-login'],
  [rpc(401, 'SESSION_PASSWORD_NEEDED'), 'needs-login'],
  [rpc(401, 'A_NEW_401_OF_TOMORROW'), 'transient'],
  [rpc(406, 'CHANNEL_PRIVATE'), 'transient'],
  [rpc(406, 'TOPIC_CLOSED'), 'transient'],
  [rpc(406, 'PRIVACY_PREMIUM_REQUIRED'), 'transient'],
  [rpc(420, 'FROZEN_METHOD_INVALID'), 'transient'],
  [rpc(303, 'USER_MIGRATE_4'), 'needs-login'],
  [rpc(400, 'AUTH_KEY_DUPLICATED'), 'duplicated'],
  [rpc(401, 'USER_DEACTIVATED'), 'banned'],
  [rpc(401, 'USER_DEACTIVATED_BAN'), 'banned'],
  [rpc(400, 'PHONE_NUMBER_BANNED'), 'banned'],
  [{ kind: 'deleted' }, 'banned'],
  [rpc(400, 'API_ID_INVALID'), 'misconfigured'],
  [rpc(400, 'API_ID_PUBLISHED_FLOOD'), 'misconfigured'],
  [rpc(400, 'CONNECTION_API_ID_INVALID'), 'misconfigured'],
  [rpc(400, 'CONNECTION_DEVICE_MODEL_EMPTY'), 'misconfigured'],
  [rpc(400, 'CONNECTION_LAYER_INVALID'), 'misconfigured'],
  [rpc(400, 'LANG_CODE_NOT_SUPPORTED'), 'misconfigured'],
  [rpc(406, 'UPDATE_APP_TO_LOGIN'), 'misconfigured'],
  [rpc(400, 'CONNECTION_NOT_INITED'), 'transient'],
  [rpc(420, 'FLOOD', 17), 'flood-wait'],
  [rpc(420, 'FLOOD', 0), 'flood-wait'],
  [rpc(420, 'FLOOD'), 'transient'],
  [rpc(500, 'INTERNAL'), 'transient'],
  [rpc(-503, 'Timeout'), 'transient'],
  [rpc(303, 'NETWORK_MIGRATE_4'), 'transient'],
  [rpc(400, 'INPUT_METHOD_INVALID'), 'transient'],
  [{ kind: 'transport', code: 404 }, 'key-unknown'],
  [{ kind: 'transport', code: 429 }, 'flood-wait'],
  [{ kind: 'transport', code: 444 }, 'transient'],
  [{ kind: 'network', reason: 'the connection failed (ECONNRESET)' }, 'transient'],
])('%j is %s', (failure, expected) => {
  const found = classifyError(failure);
  expect(found.class).toBe(expected);
  expect(found.reason).not.toBe('');
});

interface Documented {
  readonly kind: string;
  readonly name: string;
  readonly throws?: readonly { readonly code: number; readonly name: string }[];
}

it('every error that is documented for a method of the worker is in the table', () => {
  const { e: entries } = createRequire(import.meta.url)('@mtcute/core/tl/api-schema.json') as {
    e: readonly Documented[];
  };
  const named = new Set(
    [...workerSource('.').matchAll(/\bApi\.((?:\w+\.)?\w+)/g)].map((match) =>
      match[1]?.toLowerCase(),
    ),
  );
  // Logging in is a talk with a person, who is told each error as it is.
  const methods = entries.filter(
    ({ kind, name }) =>
      kind === 'method' && named.has(name.toLowerCase()) && !/^(?:auth|account)\./.test(name),
  );
  const documented = methods
    .flatMap(({ throws = [] }) => throws)
    .filter(({ name }) => !/_WAIT_%d$/.test(name));
  expect([methods.length > 6, documented.length > 90]).toEqual([true, true]);
  const missing = documented.filter(({ name }) => meaningOf(name.replace('%d', '5')) === null);
  expect(missing.map(({ code, name }) => `${code} ${name}`)).toEqual([]);
});

it('keeps the seconds of a wait, and names some where Telegram does not', () => {
  expect(classifyError(rpc(420, 'FLOOD', 86_400))).toMatchObject({ seconds: 86_400 });
  expect(classifyError({ kind: 'transport', code: 429 })).toMatchObject({ seconds: 60 });
});

it('an account ends by what Telegram documents as its end, by nothing else, whatever the number', () => {
  const final = ['duplicated', 'needs-login', 'banned', 'misconfigured', 'key-unknown'];
  for (const [name, meaning] of listedErrors)
    for (const code of [303, 400, 401, 403, 406, 420]) {
      const { class: found } = classifyError(rpc(code, name.replace(/_X$/, '_5')));
      expect({ name, found }).toEqual({
        name,
        found: final.includes(meaning) ? meaning : 'transient',
      });
    }
  fc.assert(
    fc.property(
      fc.constantFrom(400, 401, 403, 406),
      fc.stringMatching(/^[A-Z_]{3,20}$/),
      (code, name) => {
        if (meaningOf(name) === null)
          expect(classifyError(rpc(code, name)).class).toBe('transient');
      },
    ),
  );
});

it('every error about a chat or a message leaves the account alone', () => {
  for (const [name, meaning] of listedErrors) {
    if (meaning !== 'chat' && meaning !== 'message') continue;
    for (const code of [400, 403, 406]) {
      const refusal = classifyRefusal(rpc(code, name.replace(/_X$/, '_5')));
      expect({ name, refusal: refusal.refusal }).toEqual({
        name,
        refusal: meaning === 'chat' ? 'forbidden' : 'rejected',
      });
    }
  }
});

it.each<[Failure, Refusal]>([
  [rpc(420, 'FLOOD_WAIT', 17), { refusal: 'flood-wait', seconds: 17 }],
  [rpc(420, 'SLOWMODE_WAIT', 30), { refusal: 'slow-mode', seconds: 30 }],
  [rpc(400, 'PEER_FLOOD'), { refusal: 'flood-wait', seconds: 3600 }],
  [rpc(403, 'CHAT_WRITE_FORBIDDEN'), { refusal: 'forbidden', name: 'CHAT_WRITE_FORBIDDEN' }],
  [rpc(403, 'A_NEW_403_OF_TOMORROW'), { refusal: 'forbidden', name: 'A_NEW_403_OF_TOMORROW' }],
  [rpc(400, 'USER_BANNED_IN_CHANNEL'), { refusal: 'forbidden', name: 'USER_BANNED_IN_CHANNEL' }],
  [rpc(400, 'CHANNEL_PRIVATE'), { refusal: 'forbidden', name: 'CHANNEL_PRIVATE' }],
  [rpc(400, 'CHAT_RESTRICTED'), { refusal: 'forbidden', name: 'CHAT_RESTRICTED' }],
  [
    rpc(400, 'CHAT_SEND_PLAIN_FORBIDDEN'),
    { refusal: 'forbidden', name: 'CHAT_SEND_PLAIN_FORBIDDEN' },
  ],
  [rpc(400, 'PEER_ID_INVALID'), { refusal: 'forbidden', name: 'PEER_ID_INVALID' }],
  [rpc(400, 'CHAT_ID_INVALID'), { refusal: 'forbidden', name: 'CHAT_ID_INVALID' }],
  [rpc(400, 'MESSAGE_TOO_LONG'), { refusal: 'rejected', name: 'MESSAGE_TOO_LONG' }],
  [rpc(400, 'REPLY_MESSAGE_ID_INVALID'), { refusal: 'rejected', name: 'REPLY_MESSAGE_ID_INVALID' }],
  [rpc(500, 'INTERNAL'), { refusal: 'unclear' }],
  [{ kind: 'network', reason: 'no answer' }, { refusal: 'unclear' }],
  [rpc(401, 'SESSION_REVOKED'), { refusal: 'final' }],
  [rpc(406, 'AUTH_KEY_DUPLICATED'), { refusal: 'final' }],
  [rpc(401, 'AUTH_KEY_UNREGISTERED'), { refusal: 'final' }],
  [rpc(406, 'CHANNEL_PRIVATE'), { refusal: 'forbidden', name: 'CHANNEL_PRIVATE' }],
  [rpc(406, 'TOPIC_CLOSED'), { refusal: 'forbidden', name: 'TOPIC_CLOSED' }],
  [rpc(406, 'A_NEW_406_OF_TOMORROW'), { refusal: 'rejected', name: 'A_NEW_406_OF_TOMORROW' }],
  [rpc(420, 'FROZEN_METHOD_INVALID'), { refusal: 'frozen', name: 'FROZEN_METHOD_INVALID' }],
  [
    rpc(403, 'ALLOW_PAYMENT_REQUIRED_100'),
    { refusal: 'forbidden', name: 'ALLOW_PAYMENT_REQUIRED_100' },
  ],
])('a request about a chat: %j means %j', (failure, expected) => {
  expect(classifyRefusal(failure)).toEqual(expected);
});
