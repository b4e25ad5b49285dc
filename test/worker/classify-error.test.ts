import fc from 'fast-check';
import { expect, it } from 'vitest';
import { classifyError, classifyRefusal, type ErrorClass, type Failure, type Refusal } from '../../agent/worker/classify-error.ts';

const rpc = (code: number, name: string, seconds: number | null = null): Failure => ({ kind: 'rpc', code, name, seconds });

it.each<[Failure, ErrorClass['class']]>([
  [rpc(406, 'AUTH_KEY_DUPLICATED'), 'duplicated'],
  [rpc(401, 'AUTH_KEY_UNREGISTERED'), 'needs-login'],
  [rpc(401, 'AUTH_KEY_INVALID'), 'needs-login'],
  [rpc(401, 'AUTH_KEY_PERM_EMPTY'), 'needs-login'],
  [rpc(401, 'SESSION_REVOKED'), 'needs-login'],
  [rpc(401, 'SESSION_EXPIRED'), 'needs-login'],
  [rpc(401, 'SESSION_PASSWORD_NEEDED'), 'needs-login'],
  [rpc(401, 'A_NEW_401_OF_TOMORROW'), 'needs-login'],
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

it('keeps the seconds of a wait, and names some where Telegram does not', () => {
  expect(classifyError(rpc(420, 'FLOOD', 86_400))).toMatchObject({ seconds: 86_400 });
  expect(classifyError({ kind: 'transport', code: 429 })).toMatchObject({ seconds: 60 });
});

it('nothing with code 401 or 406 is ever tried again, whatever its name', () => {
  fc.assert(
    fc.property(fc.constantFrom(401, 406), fc.string(), (code, name) => {
      expect(['duplicated', 'needs-login', 'banned', 'misconfigured']).toContain(classifyError(rpc(code, name)).class);
    }),
  );
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
  [rpc(400, 'CHAT_SEND_PLAIN_FORBIDDEN'), { refusal: 'forbidden', name: 'CHAT_SEND_PLAIN_FORBIDDEN' }],
  [rpc(400, 'PEER_ID_INVALID'), { refusal: 'forbidden', name: 'PEER_ID_INVALID' }],
  [rpc(400, 'CHAT_ID_INVALID'), { refusal: 'forbidden', name: 'CHAT_ID_INVALID' }],
  [rpc(400, 'MESSAGE_TOO_LONG'), { refusal: 'rejected', name: 'MESSAGE_TOO_LONG' }],
  [rpc(400, 'REPLY_MESSAGE_ID_INVALID'), { refusal: 'rejected', name: 'REPLY_MESSAGE_ID_INVALID' }],
  [rpc(500, 'INTERNAL'), { refusal: 'unclear' }],
  [{ kind: 'network', reason: 'no answer' }, { refusal: 'unclear' }],
  [rpc(401, 'SESSION_REVOKED'), { refusal: 'final' }],
  [rpc(406, 'AUTH_KEY_DUPLICATED'), { refusal: 'final' }],
])('a request about a chat: %j means %j', (failure, expected) => {
  expect(classifyRefusal(failure)).toEqual(expected);
});
