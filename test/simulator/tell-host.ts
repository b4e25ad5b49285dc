import { readAuthority } from '../../agent/host/authority-record.ts';
import type { ActReply, AuthorityStamp, HostAct } from '../../agent/protocol/host-acts.ts';
import type { Roster } from '../../agent/protocol/roster.ts';
import type { ModelHost } from './model-host.ts';
import { world } from './rows-fixture.ts';

/** How a request differs from one of the run that the host obeys. */
export interface Told extends Partial<AuthorityStamp> {
  readonly roster?: Partial<Roster>;
  /** Changes of the disk after which the helper is killed. */
  readonly writesLeft?: number;
}

/** Sends acts with the authority that the host obeys, and goes on. `onReply`: with what was refused, act by act; `ok`: it was not. The contact is the last one. */
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
    ({ lines }) => onReply(lines.filter((line): line is ActReply => 'index' in (line as object)).map(({ refusal }) => refusal ?? 'ok')),
  );
}

/** As {@link send}, and waits for the reply: what was refused of `acts`. */
export async function tell(host: ModelHost, acts: readonly HostAct[], told: Told = {}): Promise<readonly string[]> {
  return (await tellAll(host, acts, told)).slice(0, acts.length);
}

/** What became of a contact that offers a roster. */
export async function contactWith(host: ModelHost, roster: Partial<Roster>, told: Told = {}): Promise<string | undefined> {
  return (await tellAll(host, [], { ...told, roster })).at(-1);
}

async function tellAll(host: ModelHost, acts: readonly HostAct[], told: Told): Promise<readonly string[]> {
  let replies: readonly string[] | null = null;
  send(host, acts, told, (found) => {
    replies = found;
  });
  await world.simulation.run(() => replies !== null, 300_000);
  return replies ?? [];
}
