import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { parseInventory } from '../../src/inventory/parse-inventory.ts';
import { type Ledger, openLedger } from '../../src/ledger/ledger.ts';
import type { AlertPolicy } from '../../src/model/alert-policy.ts';
import type { FleetContext } from '../../src/workflows/context.ts';
import type { SweptHost } from '../../src/workflows/hosts/swept-host.ts';

export const startMs = 1_700_000_000_000;

export interface Heard {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A web server of the test that keeps what it was told. `answer` decides what it says. */
export async function listening(
  answer: (response: ServerResponse, heard: Heard) => void = (response) => response.end('ok'),
): Promise<{
  readonly url: string;
  readonly heard: Heard[];
  readonly server: Server;
}> {
  const heard: Heard[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const each = {
        path: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString('utf8'),
      };
      heard.push(each);
      answer(response, each);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, heard, server };
}

export interface AlertWorld {
  readonly context: FleetContext;
  readonly policy: AlertPolicy;
  readonly ledger: Ledger;
  readonly clock: { nowMs: number };
  readonly folder: string;
}

/**
 * A ledger on disk and an inventory with three hosts and the given `alerts:`; `secrets` by their
 * reference's target.
 */
export async function alertWorld(
  alertsYaml: string,
  secrets: Readonly<Record<string, string>> = {},
): Promise<AlertWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'fleet-alerts-'));
  const ledger = await openLedger(join(folder, 'fleet.db'));
  onTestFinished(async () => {
    await ledger.close();
    await rm(folder, { recursive: true });
  });
  const text = `version: 1
fleet: test
vault: { key: env:VAULT_KEY }
telegram: { api_id: 12345, api_hash: env:API_HASH }
hosts: { h1: { address: 192.0.2.1 }, h2: { address: 192.0.2.2 }, h3: { address: 192.0.2.3 } }
alerts:
${alertsYaml}`;
  const inventory = parseInventory(text, { path: join(folder, 'inventory.yaml'), home: folder });
  const clock = { nowMs: startMs };
  const readSecret = async ({ target }: { readonly target: string }): Promise<string> =>
    secrets[target] ?? '';
  const context = {
    ledger,
    inventory,
    readSecret,
    now: () => clock.nowMs,
    signal: new AbortController().signal,
  } as unknown as FleetContext;
  if (inventory.alerts === null) throw new Error('no alerts');
  return { context, policy: inventory.alerts, ledger, clock, folder };
}

export const swept = (host: string, isDown: boolean): SweptHost => ({
  host,
  health: isDown ? 'down' : 'healthy',
  unreachableSinceMs: isDown ? startMs - 600_000 : null,
  awayUntilMs: null,
  online: isDown ? null : 0,
  accounts: 0,
  findings: [],
  problem: null,
});
