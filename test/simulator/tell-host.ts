import { expect } from 'vitest';
import { readAuthority } from '../../hostside/helper/authority-record.ts';
import type { ActReply, AuthorityStamp, HostAct } from '../../hostside/protocol/host-acts.ts';
import type { Roster } from '../../hostside/protocol/roster.ts';
import type { ModelHost } from './model/model-host.ts';
import { a1, claimAt, world } from './rows/rows-fixture.ts';

/** How a request differs from one of the run that the host obeys. */
export interface Told extends Partial<AuthorityStamp> {
  readonly roster?: Partial<Roster>;
  /** Changes of the disk after which the helper is killed. */
  readonly writesLeft?: number;
}

/**
 * Sends acts with the authority that the host obeys, and goes on. `onReply`: with what was refused,
 * act by act; `ok`: it was not. The contact is the last one.
 */
export function send(
  host: ModelHost,
  acts: readonly HostAct[],
  { roster, writesLeft, ...stamp }: Told = {},
  onReply: (told: readonly string[]) => void = () => undefined,
): void {
  const obeyed = readAuthority(host.places);
  if (obeyed === null || obeyed === 'unreadable') throw new Error(`${host.name} obeys nobody`);
  const contact = { sentAtMs: world.operatorMs, holdAfterMs: 600_000, holdGapMs: 90_000 };
  const none: Roster = { revision: 1, owned: [], arriving: [], gone: [] };
  const authority: AuthorityStamp = {
    ...{ id: obeyed.id, serial: obeyed.serial, nonce: obeyed.nonce, deadlineMs: 50_000, ...stamp },
    ...(roster === undefined ? {} : { contact: { ...contact, roster: { ...none, ...roster } } }),
  };
  host.runHelper(
    JSON.stringify({ format: 2, authority, acts: [...acts, { act: 'contact' }] }),
    { writesLeft: writesLeft ?? null, powerLost: false, isHeard: () => true },
    ({ lines }) =>
      onReply(
        lines
          .filter((line): line is ActReply => 'index' in (line as object))
          .map(({ refusal }) => refusal ?? 'ok'),
      ),
  );
}

/** As {@link send}, and waits for the reply: what was refused of `acts`. */
export async function tell(
  host: ModelHost,
  acts: readonly HostAct[],
  told: Told = {},
): Promise<readonly string[]> {
  return (await tellAll(host, acts, told)).slice(0, acts.length);
}

/** What became of a contact that offers a roster. */
export async function contactWith(
  host: ModelHost,
  roster: Partial<Roster>,
  told: Told = {},
): Promise<string | undefined> {
  return (await tellAll(host, [], { ...told, roster })).at(-1);
}

async function tellAll(
  host: ModelHost,
  acts: readonly HostAct[],
  told: Told,
): Promise<readonly string[]> {
  let replies: readonly string[] | null = null;
  send(host, acts, told, (found) => {
    replies = found;
  });
  await world.simulation.run(() => replies !== null, 300_000);
  return replies ?? [];
}

const limits = { memoryMaxBytes: 2e8, memoryHighBytes: 1.5e8, cpuMaxCores: 0.5, tasksMax: 64 };
const about = { keyId: a1, account: 'a1' } as const;

/** Acts on a1, as a run sends them that may be another one's. */
export const acts = {
  stage: (epoch: number, moveId: string): HostAct => ({
    ...{ act: 'stage', ...about, epoch, moveId, config: '{}', limits },
    session: world.sessionOf(a1),
  }),
  /** `idle`: it is owned, and not started. */
  grant: (
    epoch: number,
    moveId: string,
    more: { readonly idle?: boolean; readonly stateHash?: string } = {},
  ): HostAct => ({
    ...{ act: 'grant', ...about, epoch, moveId, vaultHash: '0'.repeat(64), ...more },
  }),
  release: (epoch: number, moveId: string, successor: string): HostAct => ({
    act: 'release',
    keyId: a1,
    epoch,
    moveId,
    successor,
  }),
  revoke: (epoch: number, moveId: string): HostAct => ({ act: 'revoke', ...about, epoch, moveId }),
  wipe: (epoch: number): HostAct => ({ act: 'wipe', keyId: a1, epoch }),
  stop: { act: 'stop', keyId: a1 },
  start: { act: 'start', keyId: a1 },
} as const;

/**
 * The helper is killed right after it has closed the gate for `release`, before it stops anything.
 */
export async function closeGate(host: ModelHost, release: HostAct): Promise<void> {
  for (
    let writesLeft = 1;
    claimAt(host.name)?.state === 'active' && writesLeft < 40;
    writesLeft += 1
  )
    await tell(host, [release], { writesLeft });
  expect(claimAt(host.name)?.state).toBe('releasing');
}
