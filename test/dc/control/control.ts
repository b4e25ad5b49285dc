import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { BotSpec, PhoneSpec } from '../auth/login-desk.ts';
import type { GroupSpec, Said, Typing } from '../chats/chats.ts';
import type { SaidFilter, SaidMessage, SaySpec } from '../chats/conversation.ts';
import type { Restriction } from '../chats/message.ts';
import type { LoginCredentials, RevokeKind } from '../server.ts';
import type { Fault } from '../world/faults.ts';
import type { DataCentreReport } from '../world/report.ts';
import type { AccountSpec, PersonSpec } from '../world/world.ts';
import type { Act, ActInput } from './control-protocol.ts';

/** More than a busy machine needs: nothing is to be learnt from a slow one. */
const ANSWER_LIMIT_MS = 60_000;
const POLL_MS = 25;

const loginSchema = z.object({
  userId: z.string(),
  dcId: z.number(),
  keyId: z.string(),
  authKey: z.string(),
});
const closedSchema = z.object({ closed: z.number() });
const chatSchema = z.object({ chatId: z.string() });
const codeSchema = z.object({ code: z.string().nullable() });
const keySchema = z.object({ pem: z.string().nullable() });
const errorSchema = z.object({ error: z.string() });

/**
 * The data centre of another process, through its control socket: the methods of `DataCentre`, each
 * as a promise.
 */
export interface DataCentreControl {
  addAccount(spec: AccountSpec): Promise<LoginCredentials>;
  fault(fault: Fault): Promise<void>;
  clearFaults(): Promise<void>;
  revoke(keyId: string, kind?: RevokeKind): Promise<void>;
  deactivate(userId: bigint | number | string, status?: 'deactivated' | 'banned'): Promise<void>;
  forgetKey(keyId: string): Promise<void>;
  setClockSkew(ms: number): Promise<void>;
  forgetSessions(userId: bigint | number | string): Promise<void>;
  rotateSalts(): Promise<void>;
  disconnectAll(userId?: bigint | number | string): Promise<number>;
  suspend(): Promise<void>;
  resume(): Promise<void>;
  report(): Promise<DataCentreReport>;
  readonly people: ConversationControl;
  readonly desk: DeskControl;
}

/** Who may log in anew, and what they do with the codes that they are sent. */
export interface DeskControl {
  addPhone(spec: PhoneSpec): Promise<void>;
  addBot(spec: BotSpec): Promise<void>;
  /** What the owner of the number reads; null: nothing was sent, or it was used up. */
  codeFor(phone: string): Promise<string | null>;
  expireCode(phone: string): Promise<void>;
  scan(url: string, phone: string): Promise<void>;
  /** PEM; null: key exchanges are not offered. */
  publicKey(): Promise<string | null>;
}

type Id = bigint | number | string;

/** The methods of `Conversation`, each as a promise. */
export interface ConversationControl {
  addPerson(spec: PersonSpec): Promise<void>;
  addGroup(spec: GroupSpec): Promise<string>;
  say(spec: SaySpec): Promise<SaidMessage>;
  edit(ref: number, text: string): Promise<void>;
  remove(ref: number): Promise<void>;
  join(chatId: string, userIds: readonly Id[], by?: Id): Promise<SaidMessage>;
  leave(chatId: string, userId: Id): Promise<SaidMessage>;
  pin(ref: number, by: Id): Promise<SaidMessage>;
  retitle(chatId: string, title: string, by: Id): Promise<SaidMessage>;
  restrict(chatId: string, userId: Id, restriction: Restriction | null): Promise<void>;
  setSlowMode(chatId: string, seconds: number): Promise<void>;
  loseUpdates(userId: Id, count: number): Promise<void>;
  said(filter?: SaidFilter): Promise<readonly Said[]>;
  typings(): Promise<readonly Typing[]>;
}

/**
 * Waits until the control socket answers, at most `timeoutMs`, then gives the client for it. Holds
 * no connection open.
 */
export async function connectControl(
  socketPath: string,
  timeoutMs = 5000,
): Promise<DataCentreControl> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      await call(socketPath, 'report', {});
      return controlOf(socketPath);
    } catch (error) {
      if (Date.now() > deadline)
        throw new Error(`no test data centre answers at ${socketPath} within ${timeoutMs} ms`, {
          cause: error,
        });
    }
    await sleep(POLL_MS);
  }
}

function controlOf(path: string): DataCentreControl {
  return {
    async addAccount(spec) {
      const { authKey, userId, ...rest } = spec;
      const key = authKey === undefined ? {} : { authKey: Buffer.from(authKey).toString('base64') };
      const login = loginSchema.parse(
        await call(path, 'add-account', { ...rest, userId: String(userId), ...key }),
      );
      return { ...login, authKey: Buffer.from(login.authKey, 'base64') };
    },
    fault: async (fault) => void (await call(path, 'fault', { ...fault })),
    clearFaults: async () => void (await call(path, 'clear-faults', {})),
    revoke: async (keyId, kind) => void (await call(path, 'revoke', { keyId, kind })),
    deactivate: async (userId, status) =>
      void (await call(path, 'deactivate', { userId: String(userId), status })),
    forgetKey: async (keyId) => void (await call(path, 'forget-key', { keyId })),
    setClockSkew: async (ms) => void (await call(path, 'set-clock-skew', { ms })),
    forgetSessions: async (userId) =>
      void (await call(path, 'forget-sessions', { userId: String(userId) })),
    rotateSalts: async () => void (await call(path, 'rotate-salts', {})),
    async disconnectAll(userId) {
      const input = userId === undefined ? {} : { userId: String(userId) };
      return closedSchema.parse(await call(path, 'disconnect-all', input)).closed;
    },
    suspend: async () => void (await call(path, 'suspend', {})),
    resume: async () => void (await call(path, 'resume', {})),
    // Written by the same code: its shape is not checked a second time.
    report: async () => (await call(path, 'report', {})) as DataCentreReport,
    people: peopleOf(path),
    desk: deskOf(path),
  };
}

const deskOf = (path: string): DeskControl => ({
  addPhone: async (spec) =>
    void (await call(path, 'add-phone', { ...spec, userId: String(spec.userId) })),
  addBot: async (spec) =>
    void (await call(path, 'add-bot', { ...spec, userId: String(spec.userId) })),
  codeFor: async (phone) => codeSchema.parse(await call(path, 'code-for', { phone })).code,
  expireCode: async (phone) => void (await call(path, 'expire-code', { phone })),
  scan: async (url, phone) => void (await call(path, 'scan', { url, phone })),
  publicKey: async () => keySchema.parse(await call(path, 'public-key', {})).pem,
});

/**
 * Answers are written by the same code, as the report is. Ids become text, since JSON has no
 * numbers of 64 bits.
 */
function peopleOf(path: string): ConversationControl {
  const ids = (list: readonly Id[]) => list.map(String);
  const said = async <A extends Act>(act: A, input: ActInput<A>) =>
    (await call(path, act, input)) as SaidMessage;
  return {
    addPerson: async (spec) =>
      void (await call(path, 'add-person', { ...spec, userId: String(spec.userId) })),
    async addGroup({ id, members, ...rest }) {
      const input = {
        ...rest,
        members: ids(members ?? []),
        ...(id === undefined ? {} : { id: String(id) }),
      };
      return chatSchema.parse(await call(path, 'add-group', input)).chatId;
    },
    say: ({ from, mentions, ...rest }) =>
      said('say', {
        ...rest,
        from: from === null ? null : String(from),
        mentions: ids(mentions ?? []),
      }),
    edit: async (ref, text) => void (await call(path, 'edit', { ref, text })),
    remove: async (ref) => void (await call(path, 'remove', { ref })),
    join: (chatId, userIds, by) =>
      said('join', {
        chatId,
        userIds: ids(userIds),
        ...(by === undefined ? {} : { by: String(by) }),
      }),
    leave: (chatId, userId) => said('leave', { chatId, userId: String(userId) }),
    pin: (ref, by) => said('pin', { ref, by: String(by) }),
    retitle: (chatId, title, by) => said('retitle', { chatId, title, by: String(by) }),
    restrict: async (chatId, userId, restriction) =>
      void (await call(path, 'restrict', { chatId, userId: String(userId), restriction })),
    setSlowMode: async (chatId, seconds) =>
      void (await call(path, 'set-slow-mode', { chatId, seconds })),
    loseUpdates: async (userId, count) =>
      void (await call(path, 'lose-updates', { userId: String(userId), count })),
    said: async (filter = {}) => (await call(path, 'said', { ...filter })) as readonly Said[],
    typings: async () => (await call(path, 'typings', {})) as readonly Typing[],
  };
}

async function call<A extends Act>(
  socketPath: string,
  act: A,
  input: ActInput<A>,
): Promise<unknown> {
  const { status, body } = await post(socketPath, act, JSON.stringify(input));
  const answer: unknown = JSON.parse(body);
  if (status === 200) return answer;
  throw new Error(`test data centre refused ${act}: ${errorSchema.parse(answer).error}`);
}

function post(
  socketPath: string,
  act: Act,
  body: string,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const options = {
      socketPath,
      path: `/${act}`,
      method: 'POST',
      agent: false,
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    };
    const sent = request(options, (response) => {
      text(response).then(
        (answer) => resolve({ status: response.statusCode ?? 0, body: answer }),
        reject,
      );
    });
    sent.once('error', reject);
    sent.end(body);
  });
}
