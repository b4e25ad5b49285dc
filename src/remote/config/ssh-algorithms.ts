import { wildcardMatches } from './ssh-config-words.ts';
import { UnsupportedConfig } from './unsupported.ts';

/** The kinds of algorithms that an ssh config lists. */
export type AlgorithmKind = 'kex' | 'cipher' | 'mac' | 'hostKey' | 'publicKey';

interface Choice {
  readonly keyword: string;
  /** In fleet's order, where the config says nothing. */
  readonly standard: readonly string[];
  /** What works besides, when a config names it. */
  readonly more: readonly string[];
}

const SIGNATURES = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
];

/**
 * Cheapest first: curve25519 costs a seventh of the post-quantum exchange, and AES runs in the
 * processor. SHA-1 has to be asked for.
 */
const CHOICES: Readonly<Record<AlgorithmKind, Choice>> = {
  kex: {
    keyword: 'KexAlgorithms',
    standard: [
      'curve25519-sha256',
      'curve25519-sha256@libssh.org',
      'ecdh-sha2-nistp256',
      'ecdh-sha2-nistp384',
      'ecdh-sha2-nistp521',
      'diffie-hellman-group16-sha512',
      'diffie-hellman-group14-sha256',
    ],
    more: [
      'diffie-hellman-group-exchange-sha256',
      'diffie-hellman-group15-sha512',
      'diffie-hellman-group17-sha512',
      'diffie-hellman-group18-sha512',
      'diffie-hellman-group-exchange-sha1',
      'diffie-hellman-group14-sha1',
      'diffie-hellman-group1-sha1',
    ],
  },
  cipher: {
    keyword: 'Ciphers',
    standard: [
      'aes128-gcm@openssh.com',
      'aes256-gcm@openssh.com',
      'chacha20-poly1305@openssh.com',
      'aes128-ctr',
      'aes256-ctr',
    ],
    more: ['aes192-ctr', 'aes256-cbc', 'aes192-cbc', 'aes128-cbc', '3des-cbc'],
  },
  mac: {
    keyword: 'MACs',
    standard: [
      'hmac-sha2-256-etm@openssh.com',
      'hmac-sha2-512-etm@openssh.com',
      'hmac-sha2-256',
      'hmac-sha2-512',
    ],
    more: ['hmac-sha1-etm@openssh.com', 'hmac-sha1', 'hmac-sha1-96', 'hmac-md5', 'hmac-md5-96'],
  },
  hostKey: { keyword: 'HostKeyAlgorithms', standard: SIGNATURES, more: ['ssh-rsa', 'ssh-dss'] },
  publicKey: {
    keyword: 'PubkeyAcceptedAlgorithms',
    standard: SIGNATURES,
    more: ['ssh-rsa', 'ssh-dss'],
  },
};

/**
 * The algorithms to offer, first choice first. `text` is what the config says: a list replaces
 * fleet's own, `+` adds behind it, `-` takes
 * patterns out of it, `^` puts in front. What fleet cannot do is left out; throws `ssh-config` when
 * nothing is left.
 */
export function algorithmsOf(kind: AlgorithmKind, text: string | undefined): readonly string[] {
  const { keyword, standard, more } = CHOICES[kind];
  if (text === undefined) return standard;
  const names = text.replace(/^[-+^]/, '').split(',');
  const known = [
    ...new Set(names.filter((name) => standard.includes(name) || more.includes(name))),
  ];
  const others = standard.filter((name) => !known.includes(name));
  const chosen =
    text[0] === '+'
      ? [...standard, ...known.filter((name) => !standard.includes(name))]
      : text[0] === '^'
        ? [...known, ...others]
        : text[0] === '-'
          ? standard.filter((name) => !names.some((pattern) => wildcardMatches(pattern, name)))
          : known;
  if (chosen.length > 0) return chosen;
  throw new UnsupportedConfig(`ssh config: ${keyword} ${text} leaves nothing that fleet supports`, {
    hint: `allow one of: ${standard.join(', ')}`,
  });
}
