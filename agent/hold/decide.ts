import type { BootVerdict, ContactRecord, HostConfig } from '../protocol/host.ts';

/** Everything that the verdict of a boot is made from. */
export interface BootFacts {
  readonly bootId: string;
  readonly instanceId: string;
  /** null: `fleet init` has not told the host about itself. */
  readonly config: HostConfig | null;
  readonly contact: ContactRecord | null;
  /** Open claims that were not granted in this boot; those that were are judged by their grant. */
  readonly claims: readonly { readonly keyId: string; readonly instanceId: string }[];
  readonly wallMs: number;
  /** null: nothing on the host tells. */
  readonly clockSynchronized: boolean | null;
}

/**
 * Whether accounts may start by themselves in this boot (DESIGN section 3, EXCLUSIVITY rows 1, 2, 3, 14, 30). A host without an
 * open claim has nothing to hold. Otherwise every reason to doubt counts, and each is listed.
 */
export const decideBoot = (facts: BootFacts): Pick<BootVerdict, 'verdict' | 'reasons'> => {
  if (facts.claims.length === 0) return { verdict: 'run', reasons: [] };
  const reasons = [...configReasons(facts), ...instanceReasons(facts), ...contactReasons(facts), ...clockReasons(facts)];
  return { verdict: reasons.length === 0 ? 'run' : 'hold', reasons };
};

/** True when waiting for the clock could still turn the verdict into `run`: no reason apart from the clock's. */
export const isClockDecisive = (facts: BootFacts): boolean =>
  facts.claims.length > 0 &&
  facts.config?.requireClockSync === true &&
  facts.clockSynchronized !== true &&
  facts.contact !== null &&
  instanceReasons(facts).length === 0 &&
  facts.contact.bootId !== facts.bootId;

const configReasons = ({ config }: BootFacts): readonly string[] =>
  config === null ? ['the host configuration is missing or unreadable'] : [];

const instanceReasons = ({ claims, instanceId }: BootFacts): readonly string[] =>
  claims.some((claim) => claim.instanceId !== instanceId) ? ['claims were made for another machine (this one is a clone or an image)'] : [];

const contactReasons = ({ contact, config, wallMs, bootId }: BootFacts): readonly string[] => {
  if (contact === null) return ['the operator was never in contact'];
  if (contact.bootId === bootId)
    return ['decided only after the operator was in contact in this boot, so the age of the contact before it is lost'];
  if (wallMs < contact.wallMs) return [`the clock is ${seconds(contact.wallMs - wallMs)} behind the last contact of the operator`];
  const ageMs = wallMs - contact.wallMs;
  if (config === null || ageMs <= config.holdAfterMs) return [];
  return [`the last contact of the operator is ${seconds(ageMs)} ago, the limit is ${seconds(config.holdAfterMs)}`];
};

const clockReasons = ({ config, clockSynchronized }: BootFacts): readonly string[] =>
  config?.requireClockSync === true && clockSynchronized !== true ? ['the clock is not synchronised'] : [];

const seconds = (ms: number): string => `${Math.ceil(ms / 1000)} s`;
