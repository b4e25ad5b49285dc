import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import {
  type LoginAnswer,
  type LoginEnd,
  type LoginKey,
  type LoginRequest,
  type LoginWord,
  readyLine,
} from '../../../../hostside/protocol/login.ts';
import { type DataCentre, TELEGRAM_ADDRESSES } from '../../../dc/server.ts';

export const apiHash = 'a9b1c2d3e4f5canary0000';

export const requestOf = (more: Partial<LoginRequest>): LoginRequest => ({
  ...{
    format: 1,
    account: 'ann',
    act: 'code',
    apiId: 4711,
    apiHash,
    deviceModel: 'Pinned Device',
    systemVersion: 'Pinned System',
  },
  ...{
    appVersion: '9.8.7',
    langCode: 'de',
    addresses: Object.values(TELEGRAM_ADDRESSES),
    dataCentre: 2,
    key: null,
    expectedUserId: null,
  },
  ...more,
});

/**
 * What a talk answers to a question; undefined: the program is killed here. `gone`: its operator
 * has gone away.
 */
export type Answering = (
  word: LoginWord,
) => LoginAnswer | 'gone' | undefined | Promise<LoginAnswer | 'gone' | undefined>;

export interface Talk {
  readonly words: readonly LoginWord[];
  readonly end: LoginEnd | null;
  /** Keys that were to be kept, in order. */
  readonly kept: readonly LoginKey[];
  /** All that others on its machine could see of it. */
  readonly seen: string;
}

/**
 * The login program as a host gets it, in a process of its own, against the test data centre. Ends
 * it when it is cut off.
 */
export async function talk(
  bundle: string,
  dataCentre: DataCentre,
  request: LoginRequest,
  answering: Answering,
): Promise<Talk> {
  const folder = mkdtempSync(join(tmpdir(), 'login-'));
  writeFileSync(join(folder, 'keys.pem'), dataCentre.exchangeKey?.publicPem ?? '');
  const [address] = dataCentre.addresses;
  const child = spawn(
    process.execPath,
    ['--require', resolve('test/hostside/worker/redirect.cjs'), bundle],
    {
      env: {
        PATH: process.env.PATH,
        TEST_DC: `${address?.host}:${address?.port}`,
        FLEET_TELEGRAM_KEYS: join(folder, 'keys.pem'),
      },
      stdio: ['pipe', 'pipe', 'pipe'],
    },
  );
  const words: LoginWord[] = [];
  let seen = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    seen += text;
  });
  child.stdin.on('error', () => undefined);
  send(child, request);
  const ended = new Promise((done) => child.once('close', done));
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === readyLine) continue;
    const word = JSON.parse(line) as LoginWord;
    words.push(word);
    if ('end' in word) break;
    const answer = await answering(word);
    if (answer === 'gone') child.stdin.end();
    if ('show' in word || answer === 'gone') continue;
    if (answer === undefined) child.kill('SIGKILL');
    else send(child, answer);
  }
  child.stdin.end();
  await ended;
  rmSync(folder, { recursive: true });
  const end = words.find((word) => 'end' in word) ?? null;
  return {
    words,
    end,
    kept: words.flatMap((word) => ('ask' in word && word.ask === 'keep' ? [word.key] : [])),
    seen,
  };
}

const send = (child: ChildProcess, line: unknown): void =>
  void child.stdin?.write(`${JSON.stringify(line)}\n`);
