import type { Message } from '../alerts/message.ts';
import type { Address } from '../model/alert-policy.ts';
import { FleetError } from '../model/errors.ts';
import type { SecretReference } from '../model/inventory.ts';

/** What takes messages. */
export interface Channel {
  /** Resolves when the other side has taken it. Errors: `channel`, `secret`. */
  send(message: Message): Promise<void>;
}

/** What a channel may touch. */
export interface ChannelWorld {
  /** Folder of the inventory: commands run there, own templates lie there. */
  readonly folder: string;
  readonly readSecret: (reference: SecretReference) => Promise<string>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** One answer may take so long, ms. */
  readonly limitMs: number;
}

/** The other side did not take a message. */
export class ChannelRefusal extends FleetError {
  /** It wants to be left alone for so long, ms; null: it does not say. */
  readonly retryAfterMs: number | null;

  constructor(channel: string, what: string, hint: string, retryAfterMs: number | null = null, cause?: unknown) {
    super('channel', `alerts: channel ${channel}: ${what}`, { hint, cause });
    this.retryAfterMs = retryAfterMs;
  }
}

/** An address, or what its reference holds. Errors: `secret`; `channel` where that is no http address. */
export async function readUrl(channel: string, address: Address, { readSecret }: ChannelWorld): Promise<URL> {
  const text = typeof address === 'string' ? address : (await readSecret(address)).trim();
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && (url.protocol === 'http:' || url.protocol === 'https:')) return url;
  // Never the text itself: it may be the secret.
  throw new ChannelRefusal(channel, 'its address is no http or https address', 'correct the address, or what its secret reference holds');
}
