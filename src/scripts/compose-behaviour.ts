import { standardLimits } from '../../agent/answering/loosenings.ts';
import type { Behaviour, Colleague, ModelSettings } from '../../agent/protocol/behaviour.ts';
import type { AccountSpec, Inventory, ModelSpec } from '../model/inventory.ts';
import type { ParsedScript } from './parse-script.ts';

/** An account of the fleet and how its colleagues know it. */
export interface FleetMember {
  readonly spec: AccountSpec;
  readonly keyId: string;
  /** Decimal text; null: the account was never online. */
  readonly userId: string | null;
  readonly username: string | null;
}

const modelSettings = ({ apiKey: _, ...model }: ModelSpec, systemPrompt: string): ModelSettings => ({ ...model, systemPrompt });

const colleaguesIn = (chatId: string, members: readonly FleetMember[]): readonly Colleague[] =>
  members
    .filter(({ spec }) => spec.chats.some(({ id }) => id === chatId))
    .map(({ keyId, userId, username }) => ({ keyId, userId, username }))
    .sort((left, right) => (left.keyId < right.keyId ? -1 : 1));

/**
 * What `member` does once it is online, by the inventory and its script (null: it has none). `members` are all accounts of the fleet, itself among them: who shares a group has to be the same for
 * all who share it.
 */
export const composeBehaviour = (
  inventory: Pick<Inventory, 'model' | 'answerSlotMs'>,
  member: FleetMember,
  members: readonly FleetMember[],
  script: ParsedScript | null,
  isPaused: boolean,
): Behaviour => ({
  format: 1,
  account: member.spec.name,
  isPaused,
  chats: member.spec.chats.map(({ id, name }) => ({ id, name, slotMs: inventory.answerSlotMs, colleagues: colleaguesIn(id, members) })),
  fleetUserIds: members.flatMap(({ userId }) => userId ?? []).sort(),
  script: script?.script ?? null,
  model: inventory.model === null || script === null ? null : modelSettings(inventory.model, script.systemPrompt),
  limits: { ...standardLimits, ...member.spec.answerLimits },
});
