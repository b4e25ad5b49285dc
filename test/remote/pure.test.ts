import { execFileSync, spawnSync } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FleetError } from '../../src/model/errors.ts';
import type { HostName } from '../../src/model/names.ts';
import {
  hostFieldMatches,
  hostKeyAlgorithms,
  judgeHostKey,
  keyBlobType,
  parseKnownHosts,
} from '../../src/remote/config/known-hosts.ts';
import { algorithmsOf } from '../../src/remote/config/ssh-algorithms.ts';
import type { SshTarget } from '../../src/remote/config/ssh-target.ts';
import { forEachHost } from '../../src/remote/for-each-host.ts';
import { ChannelGate } from '../../src/remote/session/channel-gate.ts';
import { connectFailure } from '../../src/remote/session/ssh-errors.ts';
import { hopFailure, loginFailure, sudoFailure } from '../../src/remote/session/ssh-refusals.ts';
import {
  AfterMarker,
  CappedBytes,
  LineSplitter,
  MAX_LINE_BYTES,
} from '../../src/remote/shared/command-output.ts';
import { lastWords } from '../../src/remote/shared/host-words.ts';
import { quoteShell, uploadScript, wrapCommand } from '../../src/remote/shared/shell-command.ts';

const target = {
  host: 'eu-1',
  user: 'ubuntu',
  address: '10.0.0.1',
  port: 22,
  jumps: [] as readonly SshTarget[],
} as SshTarget;

describe('known_hosts', () => {
  const hashed = (name: string): string => {
    const salt = randomBytes(20);
    return (
      `|1|${salt.toString('base64')}` + `|${createHmac('sha1', salt).update(name).digest('base64')}`
    );
  };
  const matches: [string, string, boolean][] = [
    ['a.example', 'a.example', true],
    ['A.Example', 'a.example', true],
    ['a.example,b.example', 'b.example', true],
    ['*.example', 'a.example', true],
    ['*.example,!a.example', 'a.example', false],
    ['?.example', 'ab.example', false],
    ['a.example', '[a.example]:2222', false],
    ['[a.example]:2222', '[a.example]:2222', true],
    ['[*]:2222', '[a.example]:2222', true],
    ['aXexample', 'a.example', false],
    [hashed('a.example'), 'a.example', true],
    [hashed('[a.example]:2222'), '[a.example]:2222', true],
    [hashed('a.example'), 'b.example', false],
    ['|2|x|y', 'a.example', false],
  ];
  test.each(matches)('%s about %s: %s', (field, name, expected) => {
    expect(hostFieldMatches(field, name)).toBe(expected);
  });

  test('comments, markers, old and broken lines', () => {
    const text =
      '# c\n\n host ssh-ed25519 AAAA comment here\n@revoked * ssh-rsa BBBB\n@odd * ' +
      'ssh-rsa CCCC\nhost 1024 35 123\nhost ssh-rsa\n';
    expect(
      parseKnownHosts(text, 'f').map(({ marker, type, key, source }) => [
        marker,
        type,
        key,
        source,
      ]),
    ).toEqual([
      [null, 'ssh-ed25519', 'AAAA', 'f:3'],
      ['revoked', 'ssh-rsa', 'BBBB', 'f:4'],
    ]);
  });

  test('any text is parsed without an exception', () => {
    fc.assert(
      fc.property(
        fc.string(),
        (text) => parseKnownHosts(text, 'f').length <= text.split('\n').length,
      ),
    );
  });

  test('known types are asked for first, and no type is lost', () => {
    const algorithms = hostKeyAlgorithms(
      parseKnownHosts('h ssh-rsa A\nh ecdsa-sha2-nistp256 B', 'f'),
      algorithmsOf('hostKey', undefined),
    );
    expect(algorithms.slice(0, 3)).toEqual(['ecdsa-sha2-nistp256', 'rsa-sha2-512', 'rsa-sha2-256']);
    expect(algorithms.length).toBe(6);
  });

  test('only the same key is trusted, whatever else is known', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1 }),
        fc.array(fc.uint8Array({ minLength: 1 })),
        (blob, others) => {
          const lines = others
            .map((other, index) => `h t ${Buffer.from(other).toString('base64')} ${index}`)
            .join('\n');
          const verdict = judgeHostKey({ type: 't', blob }, parseKnownHosts(lines, 'f'), []);
          const same = others.some((other) => Buffer.compare(other, blob) === 0);
          return verdict.kind === (same ? 'trusted' : others.length === 0 ? 'unknown' : 'changed');
        },
      ),
    );
  });

  test('a malformed key names no type', () => {
    expect([
      keyBlobType(Buffer.from([0, 0, 0, 1])),
      keyBlobType(Buffer.from([0, 0, 0, 1, 65])),
      keyBlobType(new Uint8Array()),
    ]).toEqual(['', 'A', '']);
  });
});

describe('commands for the shell', () => {
  test('a quoted text is one unchanged word', () => {
    const texts = fc.sample(
      fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0')),
      30,
    );
    // fish takes a backslash between single quotes for more than itself;
    // test/remote/login-shells.nightly.test.ts asks it.
    for (const [, between] of quoteShell(quoteShell(texts.join(''))).matchAll(/'([^']*)'|\\./g))
      expect(between ?? '').not.toContain('\\');
    const printed = execFileSync(
      '/bin/sh',
      ['-c', `printf '%s\\0' ${texts.map(quoteShell).join(' ')}`],
      { encoding: 'utf8' },
    );
    expect(printed.split('\0').slice(0, -1)).toEqual(texts);
  });

  test('as root through sudo, the password goes by standard input and is never in the command', () => {
    expect(wrapCommand(`echo 'a b'`, 'mark', { kind: 'sudo' }, 60_000)).toEqual({
      command:
        `exec env LC_ALL=C sudo -n -- timeout -k 5 65 /bin/sh -c 'printf %s mark >&2; printf ` +
        `%s mark$$.; echo '\\''a b'\\'''`,
      marksStderr: true,
    });
    expect(
      wrapCommand('id', 'mark', { kind: 'sudo-password', drained: 'mark-payload' }, 1).command,
    ).toContain(`sudo -S -p '' --`);
  });

  test.each(['consumed', 'left'])(
    'a password that sudo %s never reaches the payload',
    (password) => {
      const { command } = wrapCommand(
        'cat',
        'mark',
        { kind: 'sudo-password', drained: 'mark-payload' },
        1000,
      );
      // What follows sudo's own arguments is what sudo would run, with its standard input.
      const inner = command.replace(/^exec env LC_ALL=C sudo -S -p '' -- /, '');
      const input = `${password === 'left' ? 'secret\n' : ''}mark-payload\npayload\n`;
      const { stdout } = spawnSync('/bin/sh', ['-c', inner], { input, encoding: 'utf8' });
      expect(stdout.replace(/^mark\d+\./, '')).toBe('payload\n');
    },
  );

  test('an upload that ends early is not renamed', () => {
    const folder = execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim();
    const run = (input: string) =>
      spawnSync('/bin/sh', ['-c', uploadScript(`${folder}/f`, 5, 0o600, 'tok')], { input });
    expect([run('1234').status, execFileSync('ls', ['-A', folder], { encoding: 'utf8' })]).toEqual([
      1,
      '',
    ]);
    expect([run('12345').status, execFileSync('ls', ['-A', folder], { encoding: 'utf8' })]).toEqual(
      [0, 'f\n'],
    );
    execFileSync('rm', ['-r', folder]);
  });
});

describe('output', () => {
  const chunksOf = (text: string, sizes: readonly number[]): Buffer[] => {
    const bytes = Buffer.from(text);
    const chunks: Buffer[] = [];
    for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
      const size = sizes[turn % sizes.length] ?? 1;
      chunks.push(bytes.subarray(at, at + size));
      at += size;
    }
    return chunks;
  };
  const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 });

  test('lines do not depend on how the bytes were cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme' }).map((line) => line.replace(/[\r\n]/g, ''))),
        sizes,
        (lines, cut) => {
          const seen: string[] = [];
          const splitter = new LineSplitter((line) => seen.push(line));
          for (const chunk of chunksOf(lines.map((line) => `${line}\n`).join(''), cut))
            splitter.push(chunk);
          splitter.finish();
          expect(seen).toEqual(lines);
        },
      ),
    );
  });

  test('a long line is cut at its limit', () => {
    const seen: number[] = [];
    const splitter = new LineSplitter((line) => seen.push(line.length));
    for (let index = 0; index < 3; index += 1) splitter.push(Buffer.alloc(MAX_LINE_BYTES - 1, 'x'));
    splitter.push(Buffer.from('\nab'));
    splitter.finish();
    expect(seen).toEqual([MAX_LINE_BYTES, 2]);
  });

  test('the marker is found wherever the bytes were cut, and what follows it is whole', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 20 }), fc.string(), sizes, (noise, text, cut) => {
        const kept = new CappedBytes(1e6);
        const after = new AfterMarker('<mark>', true, kept);
        for (const chunk of chunksOf(`${noise.replaceAll('<', '')}<mark>4711.${text}`, cut))
          after.push(chunk);
        expect([
          after.started,
          after.pid,
          Buffer.from(kept.bytes()).toString(),
          after.noise(),
        ]).toEqual([true, 4711, text, noise.replaceAll('<', '').trim()]);
      }),
    );
  });

  test('without a marker nothing passes, and little is kept', () => {
    const kept = new CappedBytes(10);
    const after = new AfterMarker('<mark>', false, kept);
    for (let index = 0; index < 100; index += 1) after.push(Buffer.alloc(1000, 'n'));
    expect([after.started, kept.bytes().length, after.noise().length]).toEqual([false, 0, 4096]);
  });

  test('a cap keeps the head exactly', () => {
    fc.assert(
      fc.property(fc.string(), sizes, fc.nat(40), (text, cut, cap) => {
        const kept = new CappedBytes(cap);
        for (const chunk of chunksOf(text, cut)) kept.push(chunk);
        const bytes = Buffer.from(text);
        expect([Buffer.from(kept.bytes()).equals(bytes.subarray(0, cap)), kept.truncated]).toEqual([
          true,
          bytes.length > cap,
        ]);
      }),
    );
  });
});

describe('errors', () => {
  const connects: [string, 'dial' | 'handshake' | 'auth' | 'open', object, string][] = [
    ['a name', 'dial', { code: 'ENOTFOUND' }, 'ssh-resolve'],
    ['no name server', 'dial', { code: 'EAI_AGAIN' }, 'ssh-resolve'],
    ['refused', 'dial', { code: 'ECONNREFUSED' }, 'ssh-connect'],
    ['no route', 'dial', { code: 'EHOSTUNREACH' }, 'ssh-connect'],
    ['an unknown code', 'dial', { code: 'EMYSTERY' }, 'ssh-connect'],
    ['no answer', 'dial', { code: 'ETIMEDOUT' }, 'ssh-timeout'],
    ['a slow handshake', 'handshake', { level: 'client-timeout' }, 'ssh-timeout'],
    ['a slow login', 'auth', { level: 'client-timeout' }, 'ssh-timeout'],
    ['no common algorithm', 'handshake', { level: 'handshake' }, 'ssh-connect'],
    ['dropped early', 'handshake', { level: 'protocol' }, 'ssh-connect'],
    ['a reset in use', 'open', { code: 'ECONNRESET', level: 'client-socket' }, 'ssh-lost'],
  ];
  test.each(connects)('%s', (_, phase, facts, code) => {
    const failure = connectFailure(target, phase, Object.assign(new Error('raw text'), facts));
    expect([failure.code, failure.host, failure.message.includes('raw text')]).toEqual([
      code,
      'eu-1',
      false,
    ]);
    expect(failure.hint).not.toBe('');
  });

  // Texts of sudo 1.9 and of sudo-rs in the C locale.
  const sudos: [string, string, string][] = [
    ['sudo: a password is required', 'asks for a password', 'sudo_password'],
    [
      'sudo: a terminal is required to read the password; either use the -S option to ' +
        'read from standard input',
      'asks for a password',
      'NOPASSWD',
    ],
    ['sudo: interactive authentication is required', 'asks for a password', 'NOPASSWD'],
    ['sudo: sorry, you must have a tty to run sudo', 'requiretty', '!requiretty'],
    [
      'Sorry, try again.\nsudo: no password was provided\nsudo: 1 incorrect password attempt',
      'refused the password',
      'sudo_password',
    ],
    [
      'ubuntu is not in the sudoers file.  This incident will be reported.',
      'may not use sudo',
      'group sudo',
    ],
    [
      "Sorry, user ubuntu is not allowed to execute '/usr/bin/timeout' as root on eu-1.",
      'may not use sudo',
      'group sudo',
    ],
    ["sudo: I'm sorry ubuntu. I'm afraid I can't do that", 'may not use sudo', 'group sudo'],
    [
      'sudo: Sorry, user ubuntu may not run /usr/bin/timeout on eu-1.',
      'may not use sudo',
      'group sudo',
    ],
    ['sudo: Maximum 3 incorrect authentication attempts', 'refused the password', 'sudo_password'],
    [
      'sudo: Account or password is expired, reset your password and try again',
      'expired or is locked',
      'chage',
    ],
    ['sudo: Password expired, contact your system administrator', 'expired or is locked', 'chage'],
    ['sudo: invalid configuration: no sudoers', 'does not work', 'visudo'],
    ['env: ‘sudo’: No such file or directory', 'not installed', 'install sudo'],
    ['sudo: account validation failure, is your account locked?', 'expired or is locked', 'chage'],
    ['sudo: /etc/sudoers.d/x:1:4: syntax error', 'does not work', 'visudo'],
    ['sudo: something new', 'did not start', 'sudo -n true'],
  ];
  test.each(sudos)('%s', (text, words, hint) => {
    const failure = sudoFailure(target, text);
    expect([failure.code, failure.message.includes(words), failure.hint.includes(hint)]).toEqual([
      'sudo',
      true,
      true,
    ]);
    expect(failure.message).toContain(`It said: ${text.split('\n')[0]?.replaceAll('  ', ' ')}`);
  });

  const logins: [string, string, string][] = [
    [
      'Please login as the user "ubuntu" rather than the user "root".',
      'ubuntu may',
      'set user: ubuntu for eu-1',
    ],
    [
      'WARNING: Your password has expired.\nPassword change required but no TTY available.',
      'password of ubuntu has expired',
      'chage',
    ],
    [
      'You are required to change your password immediately (administrator enforced).',
      'password of ubuntu has expired',
      'ssh -t',
    ],
    [
      'Your account has expired; please contact your system administrator.',
      'has expired or is locked',
      'chage -E',
    ],
    ['This account is currently not available.', 'nologin', 'usermod -s'],
    ['bash: exec: restricted', 'restricted', 'usermod -s'],
    ['', 'runs no commands', 'forced command'],
  ];
  test.each(logins)('%s', (text, words, hint) => {
    const failure = loginFailure(target, text, false);
    expect([failure.code, failure.message.includes(words), failure.hint.includes(hint)]).toEqual([
      'host-not-ready',
      true,
      true,
    ]);
  });

  const hops: [number, string, string, string][] = [
    [1, 'open failed', 'ssh-refused', 'forbids forwarding'],
    [2, 'Connection refused', 'ssh-connect', 'nothing listens'],
    [2, 'Name or service not known', 'ssh-resolve', 'does not know that name'],
    [2, 'Temporary failure in name resolution', 'ssh-resolve', 'does not know that name'],
    [2, 'Connection timed out', 'ssh-timeout', 'does not answer'],
    [2, 'No route to host', 'ssh-connect', 'no route'],
    [4, 'x', 'ssh-refused', 'no room'],
    [2, 'anything', 'ssh-connect', 'could not connect'],
  ];
  test.each(hops)('a jump host that answers %i %s', (reason, said, code, words) => {
    const failure = hopFailure(
      target,
      { ...target, address: 'bastion' },
      Object.assign(new Error(`(SSH) Channel open failure: ${said}`), { reason }),
    );
    expect([
      failure.code,
      failure.message.includes(words),
      failure.message.includes(`It said: ${said}`),
    ]).toEqual([code, true, true]);
  });

  test('the words of others are one line, show what they hide, and are bounded', () => {
    expect(lastWords('a\n\nb\u001b[2Jc\r\nd\u202ee\tf\n')).toBe('a / b\\u001b[2Jc / d\\u202ee f');
    expect(lastWords('x'.repeat(10_000)).length).toBeLessThan(250);
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        (text) => !/[\p{Cc}\p{Cf}]/u.test(lastWords(text)),
      ),
    );
  });
});

describe('many hosts', () => {
  const hosts = Array.from({ length: 9 }, (_, index) => ({ name: `h${index}` as HostName }));

  test('no more than `concurrency` at a time, outcomes in order, one bad host is a value', async () => {
    let running = 0;
    let most = 0;
    const outcomes = await forEachHost(hosts, 3, async ({ name }) => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((done) => setTimeout(done, 5));
      running -= 1;
      if (name === 'h2') throw new FleetError('ssh-lost', 'h2: lost', { hint: 'x' });
      if (name === 'h4') throw new TypeError('oops');
      return name;
    });
    expect(most).toBe(3);
    expect(outcomes.map(({ host }) => host)).toEqual(hosts);
    expect(outcomes.map((outcome) => (outcome.ok ? 'ok' : outcome.error.code))).toEqual([
      'ok',
      'ok',
      'ssh-lost',
      'ok',
      'bug',
      'ok',
      'ok',
      'ok',
      'ok',
    ]);
  });

  test('after an interruption nothing new starts', async () => {
    const controller = new AbortController();
    const started: string[] = [];
    const act = async ({ name }: { name: HostName }) => {
      started.push(name);
      if (name === 'h1') controller.abort();
    };
    const outcomes = await forEachHost(hosts, 1, act, controller.signal);
    expect(started).toEqual(['h0', 'h1']);
    expect(
      outcomes.slice(2).every((outcome) => !outcome.ok && outcome.error.code === 'interrupted'),
    ).toBe(true);
  });

  test('a gate narrows, keeps the order, and never closes for good', async () => {
    const gate = new ChannelGate(3);
    await Promise.all([gate.enter(), gate.enter(), gate.enter()]);
    const order: number[] = [];
    const waiting = [1, 2, 3].map((number) => gate.enter().then(() => order.push(number)));
    gate.narrow();
    gate.narrow();
    gate.narrow();
    gate.leave();
    await Promise.resolve();
    expect(order).toEqual([]);
    for (let index = 0; index < 4; index += 1) {
      gate.leave();
      await Promise.resolve();
    }
    await Promise.all(waiting);
    expect(order).toEqual([1, 2, 3]);
  });
});
