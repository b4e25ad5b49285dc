/**
 * One configuration to ask OpenSSH and fleet about. `files` are relative to `~/.ssh`; `config` is
 * the first one.
 */
export interface ConfigCase {
  readonly destination: string;
  readonly files: Readonly<Record<string, string>>;
}

/** A small generator of numbers (mulberry32): the same seed gives the same corpus everywhere. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const DESTINATIONS = [
  'eu-1',
  'EU-1',
  'eu-2.example.net',
  '10.0.0.7',
  '2001:DB8::7',
  'bastion',
  'us-west-10',
  '127.1',
  'EU-1.Example.',
  'FE80::1%Lab0',
  '2001:db8:0:0::7',
  'xn--mnchen-3ya.example.net',
];
const PATTERNS = (
  'eu-1 eu-* eu-? EU-* * *.example.net 10.0.0.* !eu-1 !eu-* ??-? us-*-1? bastion !*.net ' +
  '2001:* *1 e*-*1'
).split(' ');
const USERS = ['root', 'ubuntu', 'deploy', 'a.b', '"two words"', "'single'"];
const TOKENS = '%h %n %p %r %u %d %L %l %k %i %C %%'.split(' ');
const LISTS: Readonly<Record<string, readonly string[]>> = {
  Ciphers: [
    'aes256-ctr,aes128-ctr',
    '+aes256-cbc',
    '-aes128-*',
    '^aes256-gcm@openssh.com',
    'chacha20-poly1305@openssh.com',
    '-*cbc',
  ],
  MACs: [
    'hmac-sha2-512',
    '+hmac-sha1',
    '-*-etm@openssh.com',
    '^hmac-sha2-512',
    'umac-64@openssh.com',
  ],
  KexAlgorithms: [
    'curve25519-sha256',
    '+diffie-hellman-group14-sha1',
    '-diffie*',
    '^ecdh-sha2-nistp384',
    'sntrup761x25519-sha512@openssh.com',
  ],
  HostKeyAlgorithms: [
    'rsa-sha2-512,ssh-ed25519',
    '+ssh-rsa',
    '-ecdsa*',
    '^rsa-sha2-256',
    'ssh-ed25519-cert-v01@openssh.com,ssh-ed25519',
  ],
  PubkeyAcceptedAlgorithms: ['ssh-ed25519', '+ssh-rsa', '-rsa*', '^ecdsa-sha2-nistp256'],
};

/** `count` cases that use what people write into ssh configs, and what they write wrong. */
export function configCorpus(seed: number, count: number): ConfigCase[] {
  const next = numbers(seed);
  return Array.from({ length: count }, () => new Writer(next).make());
}

class Writer {
  readonly #next: () => number;
  readonly #files: Record<string, string> = {};

  constructor(next: () => number) {
    this.#next = next;
  }

  make(): ConfigCase {
    const destination = this.#one(DESTINATIONS);
    this.#files.config = this.#text(0);
    return { destination, files: this.#files };
  }

  #chance(part: number): boolean {
    return this.#next() < part;
  }

  #one<T>(list: readonly T[]): T {
    return list[Math.floor(this.#next() * list.length)] as T;
  }

  #some<T>(list: readonly T[], most: number): T[] {
    return Array.from({ length: 1 + Math.floor(this.#next() * most) }, () => this.#one(list));
  }

  #text(depth: number): string {
    const blocks = this.#some([0], 5).map((_, index) => {
      const head = index === 0 && this.#chance(0.4) ? [] : [this.#head()];
      return [
        ...head,
        ...this.#some([0], 5).map(
          () => `${this.#one(['', ' ', '\t', '    '])}${this.#line(depth)}`,
        ),
      ];
    });
    return `${blocks.flat().join(this.#chance(0.1) ? '\r\n' : '\n')}\n`;
  }

  #head(): string {
    if (this.#chance(0.6))
      return this.#word('Host', this.#some(PATTERNS, 3).join(this.#one([' ', '  ', '\t'])));
    return this.#word('Match', this.#condition());
  }

  #condition(): string {
    if (this.#chance(0.12))
      return this.#one([
        'all',
        'final',
        'canonical',
        '!final',
        '!all',
        'final host *',
        'host * final',
        'all',
        'all host x',
      ]);
    const parts = this.#some(['host', 'originalhost', 'user', 'localuser', 'Host'], 3).map(
      (criterion) => {
        const values = criterion.includes('user')
          ? ['root', 'ubuntu', '*', '!root', 'nobody']
          : PATTERNS;
        const list = this.#some(values, 2).join(',');
        return (
          `${this.#chance(0.2) ? '!' : ''}${criterion}${this.#one([' ', ' ', '='])}` +
          `${this.#chance(0.2) ? `"${list}"` : list}`
        );
      },
    );
    if (this.#chance(0.04)) parts.splice(Math.floor(this.#next() * 2), 0, 'exec "false"');
    return `${parts.join(' ')}${this.#chance(0.1) ? ' # why' : ''}`;
  }

  /** A keyword in some case, with one of the separators that OpenSSH takes. */
  #word(keyword: string, value: string): string {
    const name = this.#one([keyword, keyword, keyword.toLowerCase(), keyword.toUpperCase()]);
    return `${name}${this.#one([' ', ' ', ' ', '=', ' = ', '\t', ' =', '= '])}${value}`;
  }

  #path(): string {
    const token = this.#chance(0.6) ? this.#some(TOKENS, 2).join('-') : 'key';
    const name = this.#chance(0.15) ? `\${FLEET_TEST_VAR}/${token}` : token;
    const path = `${this.#one(['~/', '/keys/', '%d/.ssh/', 'relative/', '~/.ssh/'])}${name}`;
    if (this.#chance(0.01)) return `${path}%j`;
    if (this.#chance(0.01)) return `${path}\${FLEET_TEST_UNSET}`;
    return this.#chance(0.15) ? `"${path}"` : path;
  }

  #line(depth: number): string {
    if (this.#chance(0.05)) return this.#one(['', '# a comment', '   # another', '#Host eu-1']);
    if (this.#chance(0.006))
      return this.#one([
        'Port abc',
        'Nonsense yes',
        'User',
        'User "no end',
        'IdentitiesOnly maybe',
        'Port 70000',
        'User a b',
      ]);
    if (depth < 3 && this.#chance(0.13)) return this.#include(depth);
    const comment = this.#chance(0.08) ? ' # said so' : '';
    const [keyword, value] = this.#directive();
    return this.#word(keyword, `${value}${comment}`);
  }

  #include(depth: number): string {
    const name = `f${Object.keys(this.#files).length}`;
    if (this.#chance(0.15))
      return this.#word(
        'Include',
        this.#one(['missing', 'missing/*', '~/.ssh/none*', 'folders/*']),
      );
    const folder = this.#one(['', 'conf.d/', 'deep/er/']);
    this.#files[`${folder}${name}`] = '';
    this.#files[`${folder}${name}`] = this.#text(depth + 1);
    if (this.#chance(0.2)) this.#files['folders/inner/ignored'] = 'User ignored\n';
    const path = `${folder}${name}`;
    return this.#word(
      'Include',
      this.#one([
        path,
        `~/.ssh/${path}`,
        `${folder}f?`,
        `${folder}${name.slice(0, 1)}*`,
        `"${path}"`,
        `missing ${path}`,
        `${folder}[f]${name.slice(1)}`,
      ]),
    );
  }

  #directive(): readonly [string, string] {
    const flag = () => this.#one(['yes', 'no', 'true', 'false', 'YES', 'No']);
    const list = this.#one(Object.keys(LISTS));
    return this.#one<() => readonly [string, string]>([
      () => [
        'HostName',
        this.#one(['10.0.0.1', '%h.example.net', 'Real-Name', '"quoted"', '2001:DB8::1']),
      ],
      () => ['HostName', this.#one(['%h', 'gate', '10.0.0.1'])],
      () => ['User', this.#one(USERS)],
      () => ['User', this.#one(USERS)],
      () => ['Port', this.#one(['22', '2222', '65535', '"2022"'])],
      () => ['IdentityFile', this.#path()],
      () => ['IdentityFile', this.#one(['~/.ssh/id_a', '~/.ssh/id_b', 'none', '/keys/%r-%h'])],
      () => ['IdentitiesOnly', flag()],
      () => ['CertificateFile', this.#path()],
      () => [
        'IdentityAgent',
        this.#one([
          'none',
          'SSH_AUTH_SOCK',
          '$FLEET_TEST_VAR',
          '/run/%u.sock',
          '~/agent',
          `\${FLEET_TEST_VAR}/s`,
        ]),
      ],
      () => ['HostKeyAlias', this.#one(['alias', 'Alias-Two', 'eu-1'])],
      () => [
        'UserKnownHostsFile',
        this.#chance(0.15)
          ? 'none'
          : this.#some([0], 3)
              .map(() => this.#path())
              .join(' '),
      ],
      () => ['UserKnownHostsFile', this.#path()],
      () => ['GlobalKnownHostsFile', this.#one(['none', '/etc/a /etc/b', '~/literal', '/etc/one'])],
      () => [
        'ProxyJump',
        this.#one([
          'bastion',
          'none',
          'u@bastion:2222',
          'a,b',
          'root@[2001:db8::9]:22,c@d',
          'ssh://x@y:23',
          'NONE',
        ]),
      ],
      () => ['ProxyJump', this.#one(['bastion', 'none', 'eu-2.example.net'])],
      () => ['ProxyCommand', this.#one(['none', 'none', 'nc %h %p', 'ssh -W "%h:%p" gate'])],
      () => ['AddressFamily', this.#one(['any', 'inet', 'inet6', 'INET'])],
      () => ['BindAddress', '10.0.0.99'],
      () => ['ConnectTimeout', '7'],
      () => ['ConnectionAttempts', '3'],
      () => ['ServerAliveInterval', '15'],
      () => [
        'StrictHostKeyChecking',
        this.#one(['yes', 'no', 'ask', 'accept-new', 'off', 'true', 'ACCEPT-NEW']),
      ],
      () => ['PubkeyAuthentication', flag()],
      () => ['PasswordAuthentication', flag()],
      () => [
        this.#one(['KbdInteractiveAuthentication', 'ChallengeResponseAuthentication']),
        flag(),
      ],
      () => [
        'PreferredAuthentications',
        this.#one([
          'publickey',
          'password,publickey',
          'keyboard-interactive,password',
          'gssapi-with-mic,publickey',
        ]),
      ],
      () => ['CanonicalizeHostname', this.#one(['no', 'false', 'no'])],
      () => ['RevokedHostKeys', this.#one(['/etc/ssh/revoked', '~/revoked', 'none'])],
      () => ['SendEnv', 'LANG LC_*'],
      () => ['SetEnv', 'A=b'],
      () => ['IgnoreUnknown', 'Nonsense,Use*'],
      () => ['Compression', this.#one(['yes', 'no', 'Yes'])],
      () => [list, this.#one(LISTS[list] ?? [])],
      () => [list, this.#one(LISTS[list] ?? [])],
    ])();
  }
}
