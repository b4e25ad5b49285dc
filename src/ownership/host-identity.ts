/** What is known about the machine that has a name. Null or empty: not known. */
export interface KnownMachine {
  readonly name: string;
  /**
   * From the cloud's id, the DMI uuid or the hardware addresses: survives a reinstallation, and
   * differs on a clone.
   */
  readonly instanceId: string | null;
  /** Of the system that is installed: new after a reinstallation, the same on a clone. */
  readonly machineId: string | null;
  /** The inventory has this name. */
  readonly isListed: boolean;
  /** The ledger places accounts there, which were given to this very machine. */
  readonly isOwner?: boolean;
}

/** What a machine says of itself when it is asked under `name`. */
export interface HeardMachine extends Omit<KnownMachine, 'isListed' | 'isOwner'> {
  /** The name in its own settings, where they are of this fleet; null: it has none. */
  readonly toldName?: string | null;
  /** Which of its hardware is different, in its own words. */
  readonly changed?: string;
}

export type IdentityFault =
  /** Two names of the inventory for one machine. */
  | { readonly kind: 'duplicate'; readonly other: string }
  /** The inventory has another name for it than the ledger. */
  | { readonly kind: 'renamed'; readonly other: string }
  /**
   * Its own settings have the name of another host of the inventory: a wrong address, or a copy of
   * that host's disk.
   */
  | { readonly kind: 'misnamed'; readonly other: string }
  /** Another machine with the same installed system. */
  | { readonly kind: 'clone'; readonly other: string }
  /** The same installed system as `other`; whether on the same machine cannot be told yet. */
  | { readonly kind: 'same-system'; readonly other: string }
  /**
   * Its accounts were given to another machine of this name (docs/exclusivity.md, row 21): that one
   * may still run them. `other`: the name itself.
   */
  | { readonly kind: 'replaced'; readonly other: string; readonly changed: string };

/**
 * The instance id of every machine that has neither a cloud's id nor a DMI uuid nor a hardware
 * address: it tells nothing.
 */
export const namelessInstance = 'af21d7c477512637bacba73edbeda8f3';

const isKnown = (id: string | null): id is string =>
  id !== null && id !== '' && id !== namelessInstance;

/**
 * Whether a machine that answers under a name is one that is known under another. The same machine
 * takes precedence over the same system. A host of the inventory takes precedence over one that
 * only the ledger has.
 */
export function judgeIdentity(
  heard: HeardMachine,
  known: readonly KnownMachine[],
): IdentityFault | null {
  const others = known
    .filter(({ name }) => name !== heard.name)
    .toSorted((a, b) => Number(b.isListed) - Number(a.isListed));
  const twin = isKnown(heard.instanceId)
    ? others.find(({ instanceId }) => instanceId === heard.instanceId)
    : undefined;
  if (twin !== undefined)
    return { kind: twin.isListed ? 'duplicate' : 'renamed', other: twin.name };
  const { toldName = null } = heard;
  if (toldName !== null && toldName !== heard.name) {
    const isListed = others.some((other) => other.name === toldName && other.isListed);
    return { kind: isListed ? 'misnamed' : 'renamed', other: toldName };
  }
  const copy = isKnown(heard.machineId)
    ? others.find(({ machineId }) => machineId === heard.machineId)
    : undefined;
  if (copy === undefined) return null;
  if (isKnown(heard.instanceId) && isKnown(copy.instanceId))
    return { kind: 'clone', other: copy.name };
  // Only the ledger still has the other name.
  if (!copy.isListed) return { kind: 'renamed', other: copy.name };
  return { kind: 'same-system', other: copy.name };
}

function judgeReplaced(
  heard: HeardMachine,
  remembered: readonly KnownMachine[],
): IdentityFault | null {
  const owner = remembered.find(({ name, isOwner }) => name === heard.name && isOwner === true);
  if (
    owner === undefined ||
    !isKnown(heard.instanceId) ||
    !isKnown(owner.instanceId) ||
    owner.instanceId === heard.instanceId
  )
    return null;
  return { kind: 'replaced', other: heard.name, changed: heard.changed ?? '' };
}

/**
 * All that answered, each held against all others: an answer takes precedence over what is
 * remembered under the same name. Faults by name.
 */
export function judgeAll(
  heard: readonly HeardMachine[],
  remembered: readonly KnownMachine[],
): Map<string, IdentityFault> {
  const answered = new Map(heard.map((each) => [each.name, { ...each, isListed: true }]));
  const known = [...remembered.filter(({ name }) => !answered.has(name)), ...answered.values()];
  return new Map(
    heard.flatMap((each) => {
      const fault = judgeIdentity(each, known) ?? judgeReplaced(each, remembered);
      return fault === null ? [] : [[each.name, fault]];
    }),
  );
}
