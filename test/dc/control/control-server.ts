import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import type { BotSpec, PhoneSpec } from '../auth/login-desk.ts';
import type { GroupSpec } from '../chats/chats.ts';
import type { SaidFilter, SaySpec } from '../chats/conversation.ts';
import type { DataCentre } from '../server.ts';
import type { Fault } from '../world/faults.ts';
import type { AccountSpec, PersonSpec } from '../world/world.ts';
import { ACTS, type Act, type ActInput } from './control-protocol.ts';

/** Serves the control API of a data centre on a unix socket. `close` removes the socket file. */
export async function serveControl(
  dataCentre: DataCentre,
  socketPath: string,
): Promise<{ close(): Promise<void> }> {
  const server = createServer((request, response) => {
    void handle(dataCentre, request).then(({ status, answer }) => {
      response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
      response.end(JSON.stringify(answer));
    });
  });
  // Left behind by a data centre that was killed.
  await rm(socketPath, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socketPath, resolve);
  });
  return {
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function handle(
  dataCentre: DataCentre,
  request: IncomingMessage,
): Promise<{ status: number; answer: unknown }> {
  try {
    const act = (request.url ?? '').slice(1);
    if (request.method !== 'POST' || !(act in ACTS))
      return { status: 404, answer: { error: `no such act: ${request.method} ${request.url}` } };
    const body = await text(request);
    return {
      status: 200,
      answer: (await perform(dataCentre, act as Act, body === '' ? {} : JSON.parse(body))) ?? {},
    };
  } catch (error) {
    return {
      status: 400,
      answer: { error: error instanceof Error ? error.message : String(error) },
    };
  }
}

const PERFORMERS: { readonly [A in Act]: (dataCentre: DataCentre, input: ActInput<A>) => unknown } =
  {
    report: (dataCentre) => dataCentre.report(),
    'add-account': (dataCentre, input) => addAccount(dataCentre, input),
    // zod adds `undefined` to optional fields; the fault means the same.
    fault: (dataCentre, input) => dataCentre.fault(input as Fault),
    'clear-faults': (dataCentre) => dataCentre.clearFaults(),
    revoke: (dataCentre, { keyId, kind }) => dataCentre.revoke(keyId, kind),
    deactivate: (dataCentre, { userId, status }) => dataCentre.deactivate(userId, status),
    'forget-key': (dataCentre, { keyId }) => dataCentre.forgetKey(keyId),
    'set-clock-skew': (dataCentre, { ms }) => dataCentre.setClockSkew(ms),
    'forget-sessions': (dataCentre, { userId }) => dataCentre.forgetSessions(userId),
    'rotate-salts': (dataCentre) => dataCentre.rotateSalts(),
    'disconnect-all': (dataCentre, { userId }) => ({ closed: dataCentre.disconnectAll(userId) }),
    suspend: (dataCentre) => dataCentre.suspend(),
    resume: (dataCentre) => dataCentre.resume(),
    'add-person': ({ people }, input) => people.addPerson(input as PersonSpec),
    'add-group': ({ people }, input) => ({ chatId: people.addGroup(input as GroupSpec) }),
    say: ({ people }, input) => people.say(input as SaySpec),
    edit: ({ people }, { ref, text: changed }) => people.edit(ref, changed),
    remove: ({ people }, { ref }) => people.remove(ref),
    join: ({ people }, { chatId, userIds, by }) => people.join(chatId, userIds, by),
    leave: ({ people }, { chatId, userId, by }) =>
      people.leave(chatId, userId, by === undefined ? {} : { by }),
    pin: ({ people }, { ref, by }) => people.pin(ref, by),
    retitle: ({ people }, { chatId, title, by }) => people.retitle(chatId, title, by),
    restrict: ({ people }, { chatId, userId, restriction }) =>
      people.restrict(chatId, userId, restriction),
    'set-slow-mode': ({ people }, { chatId, seconds }) => people.setSlowMode(chatId, seconds),
    'lose-updates': ({ people }, { userId, count }) => people.loseUpdates(userId, count),
    said: ({ people }, input) => people.said(input as SaidFilter),
    typings: ({ people }) => people.typings(),
    'add-phone': ({ desk }, input) => desk.addPhone(input as PhoneSpec),
    'add-bot': ({ desk }, input) => desk.addBot(input as BotSpec),
    'code-for': ({ desk }, input) => ({ code: desk.codeFor(input.phone) }),
    'expire-code': ({ desk }, input) => desk.expireCode(input.phone),
    scan: (dataCentre, { url, phone }) => dataCentre.scan(url, phone),
    'public-key': ({ exchangeKey }) => ({ pem: exchangeKey?.publicPem ?? null }),
  };

function perform<A extends Act>(dataCentre: DataCentre, act: A, body: unknown): unknown {
  return PERFORMERS[act](dataCentre, ACTS[act].parse(body) as ActInput<A>);
}

function addAccount(dataCentre: DataCentre, input: ActInput<'add-account'>): unknown {
  const { authKey, ...rest } = input;
  const spec = {
    ...rest,
    ...(authKey === undefined ? {} : { authKey: Buffer.from(authKey, 'base64') }),
  } as AccountSpec;
  const login = dataCentre.addAccount(spec);
  return { ...login, authKey: login.authKey.toString('base64') };
}
