import type { Message } from '../alerts/message.ts';
import type { Address } from '../model/alert-policy.ts';
import { FleetError } from '../model/errors.ts';
import type { SecretReference } from '../model/secret-reference.ts';

/** What takes messages. */
export interface Channel {
  /**
   * Resolves when the other side has taken it: with null, or with why not everybody there hears of
   * it. Errors: `channel` where it was not taken, `secret`.
   */
  send(message: Message): Promise<ChannelRefusal | null>;
}

/** What a channel may touch. */
export interface ChannelWorld {
  /** Folder of the inventory: commands run there, own templates lie there. */
  readonly folder: string;
  readonly readSecret: (reference: SecretReference) => Promise<string>;
  /** What others say, without the secrets that were read: they may repeat them. */
  readonly mask: (text: string) => string;
  /** From now on `mask` hides this, too. */
  readonly keepSecret: (text: string) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** Longest time for one answer, ms. */
  readonly limitMs: number;
}

/**
 * The other side did not take a message. It has no cause: errors of libraries carry what they were
 * given, and that may be a secret.
 */
export class ChannelRefusal extends FleetError {
  /** How long it asks to be left alone, ms; null: it does not say. */
  readonly retryAfterMs: number | null;

  constructor(channel: string, what: string, hint: string, retryAfterMs: number | null = null) {
    super('channel', `alerts: channel ${channel}: ${what}`, { hint });
    this.retryAfterMs = retryAfterMs;
  }
}

/** A world that remembers what it has read, to keep it out of messages. */
export function channelWorldOf(world: Omit<ChannelWorld, 'mask' | 'keepSecret'>): ChannelWorld {
  const secrets = new Set<string>();
  const keepSecret = (text: string): void => {
    for (const form of formsOf(text.trim())) secrets.add(form);
  };
  return {
    ...world,
    keepSecret,
    mask: (text) =>
      [...secrets]
        .toSorted((a, b) => b.length - a.length)
        .reduce((left, secret) => left.replaceAll(secret, '***'), text),
    readSecret: async (reference) => {
      const text = await world.readSecret(reference);
      keepSecret(text);
      return text;
    },
  };
}

/** What is shorter would be found everywhere: words of a path, and others. */
const [shortestPart, shortestSecret] = [8, 6];
const atLeast = (length: number, parts: readonly string[]): string[] =>
  parts.filter((part) => part.length >= length);

/**
 * A secret as others may repeat it: whole, its parts, coded. The host of an address is not a
 * secret.
 */
function formsOf(secret: string): string[] {
  const url = URL.canParse(secret) ? new URL(secret) : null;
  const parts =
    url === null || url.host === ''
      ? atLeast(shortestSecret, [secret, ...secret.split(/[\s,:=]+/)])
      : [
          ...atLeast(shortestPart, [
            url.href,
            ...url.pathname.split(/[/:;=]/),
            ...url.searchParams.values(),
          ]),
          ...atLeast(shortestSecret, [
            url.username,
            url.password,
            url.hash.slice(1),
            `${url.username}:${url.password}`,
          ]),
        ];
  return parts.flatMap((part) => [
    part,
    decoded(part),
    encodeURIComponent(part),
    Buffer.from(decoded(part)).toString('base64'),
  ]);
}

const decoded = (part: string): string => {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
};

/** Where a server is not who it says, or nobody known says who it is. */
export const certificateHint =
  'mend its certificate, or name the file of its own authority: NODE_EXTRA_CA_CERTS=FILE';

/** Characters of what others say in a message. */
const quotedLength = 200;

/** What the other side says, on one line, bounded, without secrets. */
export const quoted = (text: string, { mask }: ChannelWorld): string =>
  mask(text).replace(/\s+/g, ' ').trim().slice(0, quotedLength);

/**
 * An address, or what its reference holds. Errors: `secret`; `channel` where that is no http
 * address.
 */
export async function readUrl(
  channel: string,
  address: Address,
  { readSecret, keepSecret }: ChannelWorld,
): Promise<URL> {
  const text = typeof address === 'string' ? address : (await readSecret(address)).trim();
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && (url.protocol === 'http:' || url.protocol === 'https:')) {
    // Most webhooks are secrets by their path, wherever they are written.
    keepSecret(text);
    return url;
  }
  // Never the text itself: it may be the secret.
  throw new ChannelRefusal(
    channel,
    'its address is no http or https address',
    'correct the address, or what its secret reference holds',
  );
}
