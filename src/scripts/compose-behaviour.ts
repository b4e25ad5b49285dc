import { standardLimits } from '../../hostside/answering/loosenings.ts';
import { slotGuardMs } from '../../hostside/answering/slots.ts';
import type { Behaviour, Colleague, ModelSettings } from '../../hostside/protocol/behaviour.ts';
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

const modelSettings = (
  { apiKey: _, ...model }: ModelSpec,
  systemPrompt: string,
): ModelSettings => ({ ...model, systemPrompt });

const colleaguesIn = (chatId: string, members: readonly FleetMember[]): readonly Colleague[] =>
  members
    .filter(({ spec }) => spec.chats.some(({ id }) => id === chatId))
    .map(({ keyId, userId, username }) => ({ keyId, userId, username }))
    .sort((left, right) => (left.keyId < right.keyId ? -1 : 1));

/**
 * What `member` does once it is online, by the inventory and its script (null: it has none).
 * `members` are all accounts of the fleet, itself among them: who shares a group has to be the same
 * for
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
  chats: member.spec.chats.map(({ id, name }) => ({
    id,
    name,
    slotMs: inventory.answerSlotMs,
    colleagues: colleaguesIn(id, members),
  })),
  fleetUserIds: members.flatMap(({ userId }) => userId ?? []).sort(),
  script: script?.script ?? null,
  model:
    inventory.model === null || script === null
      ? null
      : modelSettings(inventory.model, script.systemPrompt),
  limits: { ...standardLimits, ...member.spec.answerLimits },
});

/**
 * Why an account could never answer as its script wants it to, one sentence each; empty: it can.
 * The model is asked while the delay runs. Pure.
 */
export const misfitsOf = ({ account, chats, script, model }: Behaviour): readonly string[] => {
  if (script === null || chats.length === 0) return [];
  const asksModel = script.rules.some(({ answer }) => answer.kind === 'model');
  const needMs = Math.max(script.delay.mostMs, asksModel ? (model?.timeoutMs ?? 0) : 0);
  const tight = chats.find(
    ({ colleagues, slotMs }) => colleagues.length > 1 && needMs > slotMs - slotGuardMs,
  );
  const seconds = (ms: number): string => `${ms / 1000} s`;
  return [
    ...(asksModel && model === null
      ? [`${account}: script ${script.name} asks a model, and the inventory has no "model"`]
      : []),
    ...(tight === undefined
      ? []
      : [
          `${account}: an answer of script ${script.name} may take ${seconds(needMs)}, and ` +
            `accounts that share chat ${tight.id} have ` +
            `${seconds(tight.slotMs - slotGuardMs)} each (answer_slot less ` +
            `${seconds(slotGuardMs)})`,
        ]),
  ];
};
