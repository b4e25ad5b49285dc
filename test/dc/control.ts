import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Act, ActInput } from './control-protocol.ts';
import type { LoginCredentials, RevokeKind } from './server.ts';
import type { Fault } from './world/faults.ts';
import type { DataCentreReport } from './world/report.ts';
import type { AccountSpec } from './world/world.ts';

const ANSWER_LIMIT_MS = 10_000;
const POLL_MS = 25;

const loginSchema = z.object({ userId: z.string(), dcId: z.number(), keyId: z.string(), authKey: z.string() });
const closedSchema = z.object({ closed: z.number() });
const errorSchema = z.object({ error: z.string() });

/** The data centre of another process, through its control socket: the methods of `DataCentre`, each as a promise. */
export interface DataCentreControl {
  addAccount(spec: AccountSpec): Promise<LoginCredentials>;
  fault(fault: Fault): Promise<void>;
  clearFaults(): Promise<void>;
  revoke(keyId: string, kind?: RevokeKind): Promise<void>;
  deactivate(userId: bigint | number | string, status?: 'deactivated' | 'banned'): Promise<void>;
  forgetKey(keyId: string): Promise<void>;
  rotateSalts(): Promise<void>;
  disconnectAll(userId?: bigint | number | string): Promise<number>;
  suspend(): Promise<void>;
  resume(): Promise<void>;
  report(): Promise<DataCentreReport>;
}

/** Waits until the control socket answers, at most `timeoutMs`, then gives the client for it. Holds no connection open. */
export async function connectControl(socketPath: string, timeoutMs = 5000): Promise<DataCentreControl> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      await call(socketPath, 'report', {});
      return controlOf(socketPath);
    } catch (error) {
      if (Date.now() > deadline) throw new Error(`no test data centre answers at ${socketPath} within ${timeoutMs} ms`, { cause: error });
    }
    await sleep(POLL_MS);
  }
}

function controlOf(path: string): DataCentreControl {
  return {
    async addAccount(spec) {
      const { authKey, userId, ...rest } = spec;
      const key = authKey === undefined ? {} : { authKey: Buffer.from(authKey).toString('base64') };
      const login = loginSchema.parse(await call(path, 'add-account', { ...rest, userId: String(userId), ...key }));
      return { ...login, authKey: Buffer.from(login.authKey, 'base64') };
    },
    fault: async (fault) => void (await call(path, 'fault', { ...fault })),
    clearFaults: async () => void (await call(path, 'clear-faults', {})),
    revoke: async (keyId, kind) => void (await call(path, 'revoke', { keyId, kind })),
    deactivate: async (userId, status) => void (await call(path, 'deactivate', { userId: String(userId), status })),
    forgetKey: async (keyId) => void (await call(path, 'forget-key', { keyId })),
    rotateSalts: async () => void (await call(path, 'rotate-salts', {})),
    async disconnectAll(userId) {
      const input = userId === undefined ? {} : { userId: String(userId) };
      return closedSchema.parse(await call(path, 'disconnect-all', input)).closed;
    },
    suspend: async () => void (await call(path, 'suspend', {})),
    resume: async () => void (await call(path, 'resume', {})),
    // Written by the same code: its shape is not checked a second time.
    report: async () => (await call(path, 'report', {})) as DataCentreReport,
  };
}

async function call<A extends Act>(socketPath: string, act: A, input: ActInput<A>): Promise<unknown> {
  const { status, body } = await post(socketPath, act, JSON.stringify(input));
  const answer: unknown = JSON.parse(body);
  if (status === 200) return answer;
  throw new Error(`test data centre refused ${act}: ${errorSchema.parse(answer).error}`);
}

function post(socketPath: string, act: Act, body: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const options = { socketPath, path: `/${act}`, method: 'POST', agent: false, signal: AbortSignal.timeout(ANSWER_LIMIT_MS) };
    const sent = request(options, (response) => {
      text(response).then((answer) => resolve({ status: response.statusCode ?? 0, body: answer }), reject);
    });
    sent.once('error', reject);
    sent.end(body);
  });
}
