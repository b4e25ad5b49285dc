/** The operator's side of a talk, against a host that says what it likes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { LoginRequest } from '../../../hostside/protocol/login.ts';
import { FleetError } from '../../../src/model/errors.ts';
import type { HostSpec } from '../../../src/model/inventory.ts';
import type { CommandResult, Remote, RemoteCommand } from '../../../src/remote/remote.ts';
import {
  type LoginPrompts,
  loginIdOf,
  talkLogin,
} from '../../../src/workflows/accounts/login-talk.ts';

const host = { name: 'h1' } as HostSpec;
const key = { dataCentre: 2, authKey: Buffer.alloc(256, 7).toString('base64') };
const request = { account: 'ann', apiHash: 'SECRET-HASH' } as LoginRequest;
const done = { end: 'done', key, userId: '5', username: null, isBot: false, lingerMs: 0 };
const question = { ask: 'code', by: 'app', length: 5, nextInS: null, problem: null };

/**
 * Says `says`, each after an answer to the one before; ends when the operator's line ends, or all
 * was said and answered.
 */
function hostSaying(
  says: readonly unknown[],
  result: Partial<CommandResult> = {},
  heard: unknown[] = [],
  commands: RemoteCommand[] = [],
) {
  const run = async (command: RemoteCommand): Promise<CommandResult> => {
    commands.push(command);
    const lines = (command.stdin as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    heard.push(JSON.parse(Buffer.from((await lines.next()).value).toString()));
    for (const word of says) {
      command.onLine?.(typeof word === 'string' ? word : JSON.stringify(word));
      if (typeof word !== 'object' || word === null || !('ask' in word)) continue;
      const answer = await lines.next();
      if (answer.done === true) break;
      heard.push(JSON.parse(Buffer.from(answer.value).toString()));
    }
    const none = new Uint8Array();
    return { exitCode: 0, signal: null, stdout: none, stderr: none, truncated: false, ...result };
  };
  return { remoteFor: () => ({ run }) as unknown as Remote, signal: new AbortController().signal };
}

const prompts: LoginPrompts = {
  text: async () => '+49',
  code: async () => ({ text: '12345' }),
  show: () => undefined,
};
const sides = { prompts, keep: async () => undefined };

test('questions are answered one by one; secrets go over standard input only', async () => {
  const [heard, commands]: [unknown[], RemoteCommand[]] = [[], []];
  const kept: unknown[] = [];
  const context = hostSaying(
    [{ ask: 'keep', key }, { ask: 'phone', problem: null }, question, done],
    {},
    heard,
    commands,
  );
  expect(
    await talkLogin(context, host, request, {
      prompts,
      keep: async (each) => void kept.push(each),
    }),
  ).toEqual(done);
  expect(heard).toEqual([request, { kept: true }, { text: '+49' }, { text: '12345' }]);
  expect(kept).toEqual([key]);
  expect(commands[0]?.command).not.toContain('SECRET');
  expect(commands[0]).toMatchObject({ asRoot: true, narrow: ['login', loginIdOf('ann')] });
  expect(loginIdOf('ann')).toMatch(/^[0-9a-f]{16}$/);
});

test('a key that could not be kept is not said to be kept', async () => {
  const heard: unknown[] = [];
  const broken = new FleetError('vault', 'full', { hint: 'x' });
  const keep = () => Promise.reject(broken);
  await expect(
    talkLogin(hostSaying([{ ask: 'keep', key }, done], {}, heard), host, request, {
      prompts,
      keep,
    }),
  ).rejects.toBe(broken);
  expect(heard).toEqual([request]);
});

test('whoever does not answer ends the talk, and is who is blamed', async () => {
  const gone = new FleetError('interrupted', 'no answer', { hint: 'x' });
  const context = hostSaying([
    question,
    { end: 'failed', why: 'silent', message: 'm', seconds: null, lingerMs: 0 },
  ]);
  await expect(
    talkLogin(context, host, request, {
      ...sides,
      prompts: { ...prompts, code: () => Promise.reject(gone) },
    }),
  ).rejects.toBe(gone);
});

test('nobody is asked any longer when the host has ended the talk', async () => {
  const waiting = (_question: unknown, over: AbortSignal) =>
    new Promise<never>((_resolve, reject) =>
      over.addEventListener('abort', () =>
        reject(new FleetError('interrupted', 'over', { hint: 'x' })),
      ),
    );
  const end = {
    end: 'failed',
    why: 'silent',
    message: 'there was no answer',
    seconds: null,
    lingerMs: 0,
  };
  const run = async ({ onLine }: RemoteCommand): Promise<CommandResult> => {
    onLine?.(JSON.stringify(question));
    await sleep(10);
    onLine?.(JSON.stringify(end));
    const none = new Uint8Array();
    return { exitCode: 0, signal: null, stdout: none, stderr: none, truncated: false };
  };
  const context = {
    remoteFor: () => ({ run }) as unknown as Remote,
    signal: new AbortController().signal,
  };
  expect(
    await talkLogin(context, host, request, { ...sides, prompts: { ...prompts, code: waiting } }),
  ).toEqual(end);
});

test('Ctrl-C ends the talk while nothing is asked', async () => {
  const interruption = new AbortController();
  let isEnded = false;
  const run = async ({ onLine, stdin }: RemoteCommand): Promise<CommandResult> => {
    onLine?.(JSON.stringify({ show: 'qr', url: 'tg://login?token=AAAA', forS: 30 }));
    setTimeout(() => interruption.abort(), 10);
    for await (const _line of stdin as AsyncIterable<Uint8Array>);
    isEnded = true;
    const none = new Uint8Array();
    return { exitCode: 0, signal: null, stdout: none, stderr: none, truncated: false };
  };
  const context = { remoteFor: () => ({ run }) as unknown as Remote, signal: interruption.signal };
  await expect(talkLogin(context, host, request, sides)).rejects.toMatchObject({
    code: 'interrupted',
  });
  expect(isEnded).toBe(true);
});

test.each([
  ['no JSON', 'agent-reply'],
  [{ ask: 'code', by: 'pigeon' }, 'agent-reply'],
  [{ ...done, userId: '-5' }, 'agent-reply'],
  [{ ask: 'keep', key: { dataCentre: 9, authKey: key.authKey } }, 'agent-reply'],
  [{ show: 'qr', url: 'https://elsewhere', forS: 5 }, 'agent-reply'],
])('a host that says %j is not listened to', async (word, code) => {
  await expect(talkLogin(hostSaying([word]), host, request, sides)).rejects.toMatchObject({ code });
});

test.each([
  [75, 'in-doubt'],
  [120, 'host-not-ready'],
  [2, 'host-not-ready'],
  [1, 'agent-reply'],
])('exit code %d without a word', async (exitCode, code) => {
  await expect(talkLogin(hostSaying([], { exitCode }), host, request, sides)).rejects.toMatchObject(
    { code },
  );
});
