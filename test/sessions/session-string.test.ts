import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { StringSession } from 'telegram/sessions/index.js';
import { describe, expect, it, test } from 'vitest';
import { FleetError } from '../../src/model/errors.ts';
import type { Session, SessionStringFormat } from '../../src/model/session.ts';
import { keyIdOf } from '../../src/sessions/auth-key.ts';
import { formatSession } from '../../src/sessions/format-session.ts';
import type {
  ParsedSession,
  SessionRefusal,
  SessionRefusalCode,
} from '../../src/sessions/session-outcome.ts';
import { parseSessionString } from '../../src/sessions/session-string.ts';
import { parseSessionText } from '../../src/sessions/session-text.ts';
import { fixtureKey, fixtureSession, fixtureUserId } from './fixture-sessions.ts';
// Written by @mtcute/core and @mtcute/convert 0.29.7 for fixture key 1, api id 12345: the
// independent oracle.
import golden from './golden-strings.json' with { type: 'json' };

const formats: readonly SessionStringFormat[] = [
  'gramjs-string',
  'telethon-string',
  'pyrogram-string',
  'mtcute-string',
];

const accepted = (text: string): ParsedSession => {
  const outcome = parseSessionString(text);
  if (!outcome.ok) {
    throw new Error(`${outcome.code}: ${outcome.message}`);
  }
  return outcome;
};

const refusal = (text: string): SessionRefusal => {
  const outcome = parseSessionString(text, 'a.txt');
  if (outcome.ok) {
    throw new Error(`accepted as ${outcome.format}`);
  }
  return outcome;
};

describe('strings written by other libraries', () => {
  const dc2 = {
    dataCentre: 2,
    authKey: fixtureKey(1),
    keyId: keyIdOf(fixtureKey(1)),
    testMode: false,
  };
  const known = { ...dc2, userId: fixtureUserId };
  const unknown = { ...dc2, userId: null, isBot: false };
  const table: readonly [keyof typeof golden, string, Session, number | null, readonly string[]][] =
    [
      ['mtcute self', 'mtcute-string', { ...known, isBot: true }, null, ['BOT']],
      ['mtcute no self', 'mtcute-string', unknown, null, ['USER_UNKNOWN']],
      ['mtcute media', 'mtcute-string', { ...known, isBot: false }, null, []],
      ['mtcute v6', 'mtcute-string', { ...known, isBot: true, dataCentre: 4 }, null, ['BOT']],
      ['telethon v4', 'telethon-string', unknown, null, ['USER_UNKNOWN']],
      ['telethon v6', 'telethon-string', { ...unknown, dataCentre: 4 }, null, ['USER_UNKNOWN']],
      ['gramjs', 'gramjs-string', unknown, null, ['USER_UNKNOWN']],
      ['pyrogram 271', 'pyrogram-string', { ...known, isBot: true }, 12345, ['BOT']],
      ['pyrogram 267', 'pyrogram-string', { ...known, isBot: true }, null, ['OLD_STRING', 'BOT']],
    ];
  test.each(table)('%s', (name, format, session, apiId, warnings) => {
    const outcome = accepted(golden[name]);
    expect({ ...outcome, warnings: outcome.warnings.map(({ code }) => code) }).toEqual({
      ok: true,
      format,
      session,
      apiId,
      warnings,
    });
  });

  it('reads the oldest Pyrogram string, whose user id has 32 bits', () => {
    const data = Buffer.concat([
      Buffer.of(3, 0),
      fixtureKey(2),
      Buffer.of(0xfe, 0xdc, 0xba, 0x98),
      Buffer.of(0),
    ]);
    const { session, format } = accepted(data.toString('base64url'));
    expect([format, session.dataCentre, session.userId]).toEqual([
      'pyrogram-string',
      3,
      0xfedcba98n,
    ]);
  });

  it('reads a GramJS string of a browser, which holds a host name', () => {
    const name = Buffer.from('vesta.web.telegram.org');
    const data = Buffer.concat([
      Buffer.of(4, 0, name.length),
      name,
      Buffer.of(1, 187),
      fixtureKey(2),
    ]);
    expect(accepted(`1${data.toString('base64')}`)).toMatchObject({
      format: 'gramjs-string',
      session: { dataCentre: 4, authKey: fixtureKey(2) },
    });
  });

  it('tells a GramJS string from a Telethon IPv6 string of the same 275 bytes', () => {
    expect(
      [golden.gramjs, golden['telethon v6']].map(
        (text) => Buffer.from(text.slice(1), 'base64url').length,
      ),
    ).toEqual([275, 275]);
    expect([accepted(golden.gramjs).format, accepted(golden['telethon v6']).format]).toEqual([
      'gramjs-string',
      'telethon-string',
    ]);
  });
});

describe('strings written by fleet', () => {
  const bot = fixtureSession({ isBot: true });
  const table: readonly [SessionStringFormat, keyof typeof golden][] = [
    ['mtcute-string', 'mtcute self'],
    ['telethon-string', 'telethon v4'],
    ['gramjs-string', 'gramjs'],
    ['pyrogram-string', 'pyrogram 271'],
  ];
  test.each(table)('%s is byte-identical to the oracle', (format, name) => {
    expect(formatSession(bot, format, 12345)).toBe(golden[name]);
  });

  it('mtcute without a known user is byte-identical to the oracle', () => {
    expect(formatSession(fixtureSession({ userId: null }), 'mtcute-string')).toBe(
      golden['mtcute no self'],
    );
  });

  test.each([1, 2, 3, 4, 5])('GramJS itself reads data centre %i', async (dataCentre) => {
    for (const format of ['gramjs-string', 'telethon-string'] as const) {
      const client = new StringSession(formatSession(fixtureSession({ dataCentre }), format));
      await client.load();
      expect(client.dcId).toBe(dataCentre);
      expect(client.port).toBe(443);
      expect(client.serverAddress).toMatch(/^(149\.154\.1[67]\d|91\.108\.56)\.\d+$/);
      expect(client.authKey?.getKey()).toEqual(Buffer.from(fixtureKey(1)));
    }
  });

  const sessions = fc.record({
    dataCentre: fc.integer({ min: 1, max: 5 }),
    authKey: fc.integer({ min: 0 }).map(fixtureKey),
    userId: fc.bigInt({ min: 1n, max: 2n ** 53n - 1n }),
    isBot: fc.boolean(),
  });

  test.each(formats)(
    '%s: what is written is what is read, as far as the format carries it',
    (format) => {
      const carriesUser = format === 'pyrogram-string' || format === 'mtcute-string';
      fc.assert(
        fc.property(sessions, fc.integer({ min: 1, max: 2 ** 31 - 1 }), (fields, apiId) => {
          const session = fixtureSession(fields);
          const outcome = accepted(formatSession(session, format, apiId));
          expect(outcome.format).toBe(format);
          expect(outcome.session).toEqual(
            carriesUser ? session : { ...session, userId: null, isBot: false },
          );
          expect(outcome.apiId).toBe(format === 'pyrogram-string' ? apiId : null);
        }),
      );
    },
  );

  test.each(['pyrogram-string', 'mtcute-string'] as const)(
    'refuses user ids that Telegram does not have for %s',
    (format) => {
      expect(() => formatSession(fixtureSession({ userId: 2n ** 63n - 1n }), format)).toThrow(
        FleetError,
      );
    },
  );

  it('refuses a Pyrogram string without a user id, and says what to choose instead', () => {
    expect(() => formatSession(fixtureSession({ userId: null }), 'pyrogram-string')).toThrow(
      expect.objectContaining({ code: 'usage', hint: expect.stringContaining('telethon-string') }),
    );
  });
});

describe('what surrounds a string', () => {
  const text = golden.gramjs;
  test.each([
    `${text}\n`,
    `  ${text}\r\n\r\n`,
    `"${text}"`,
    `'${text}'\n`,
    `\uFEFF${text}`,
    `\uFEFF "${text}" `,
    text.replace(/=+$/, ''),
  ])('form %# is accepted', (wrapped) => {
    expect(accepted(wrapped).session.keyId).toBe(keyIdOf(fixtureKey(1)));
    expect(parseSessionText(Buffer.from(wrapped), 'a.txt')).toMatchObject({
      ok: true,
      format: 'gramjs-string',
    });
  });

  it('reads UTF-16 text files', () => {
    expect(parseSessionText(Buffer.from(`\uFEFF${text}\r\n`, 'utf16le'), 'a.txt')).toMatchObject({
      ok: true,
      format: 'gramjs-string',
    });
  });
});

describe('refusals', () => {
  const key = Buffer.from(fixtureKey(1));
  const telethon = (dataCentre: number, address: readonly number[], tail: Buffer): string =>
    `1${Buffer.concat([Buffer.of(dataCentre, ...address, 1, 187), tail]).toString('base64url')}`;
  const gramjs = (address: string, tail: Buffer): string =>
    `1${Buffer.concat([Buffer.of(2, 0, address.length), Buffer.from(address), Buffer.of(1, 187), tail]).toString('base64')}`;
  const pyrogram = (dataCentre: number, test: number, userId: bigint, tail = key): string => {
    const user = Buffer.alloc(8);
    user.writeBigUInt64BE(userId);
    return Buffer.concat([
      Buffer.of(dataCentre, 0, 0, 0, 9, test),
      tail,
      user,
      Buffer.of(0),
    ]).toString('base64url');
  };
  const olderMtcute = Buffer.from(golden['mtcute self'], 'base64url');
  olderMtcute.writeUInt8(2, 0);

  const table: readonly [string, SessionRefusalCode, string][] = [
    ['nothing', 'EMPTY', ''],
    ['white space', 'EMPTY', ' \r\n\t'],
    ['quotes around nothing', 'EMPTY', '""'],
    ['a word', 'BAD_STRING', 'hello'],
    ['a sentence', 'BAD_STRING', 'this is not a session string'],
    ['two strings', 'BAD_STRING', `${golden.gramjs}\n${golden.gramjs}`],
    ['far too long', 'BAD_STRING', 'A'.repeat(1_000_000)],
    ['a cut GramJS string', 'BAD_STRING', golden.gramjs.slice(0, 20)],
    ['a cut Telethon string', 'BAD_STRING', golden['telethon v4'].slice(0, 300)],
    ['a cut Pyrogram string', 'BAD_STRING', golden['pyrogram 271'].slice(0, 300)],
    ['a cut mtcute string', 'BAD_STRING', golden['mtcute self'].slice(0, 300)],
    ['an mtcute string with a tail', 'BAD_STRING', `${golden['mtcute self']}AAAA`],
    ['an older mtcute string', 'UNKNOWN_VERSION', olderMtcute.toString('base64url')],
    [
      'GramJS with a short key, which GramJS would take',
      'KEY_LENGTH',
      gramjs('149.154.167.41', key.subarray(1)),
    ],
    ['GramJS with a long key', 'KEY_LENGTH', gramjs('149.154.167.41', Buffer.concat([key, key]))],
    ['GramJS without a key', 'NO_KEY', gramjs('149.154.167.41', Buffer.alloc(0))],
    ['a key of zeros', 'KEY_DEGENERATE', pyrogram(2, 0, 1n, Buffer.alloc(256))],
    ['a key of one repeated word', 'KEY_DEGENERATE', pyrogram(2, 0, 1n, Buffer.alloc(256, 'key!'))],
    ['data centre 0', 'DC_RANGE', pyrogram(0, 0, 1n)],
    ['data centre 6', 'DC_RANGE', pyrogram(6, 0, 1n)],
    ['data centre 203 (content)', 'DC_RANGE', telethon(203, [91, 105, 192, 100], key)],
    ['Pyrogram test mode', 'TEST_MODE', pyrogram(2, 1, 1n)],
    ['a Telethon test address', 'TEST_MODE', telethon(2, [149, 154, 167, 40], key)],
    [
      'a Telethon IPv6 test address',
      'TEST_MODE',
      telethon(2, [0x20, 1, 6, 0x7c, 4, 0xe8, 0xf0, 2, 0, 0, 0, 0, 0, 0, 0, 14], key),
    ],
    ['a GramJS test address', 'TEST_MODE', gramjs('149.154.175.10', key)],
    ['a short GramJS IPv6 test address', 'TEST_MODE', gramjs('2001:67c:4e8:f002::e', key)],
    ['mtcute test mode', 'TEST_MODE', golden['mtcute test']],
    ['Pyrogram without a user', 'NO_USER', pyrogram(2, 0, 0n)],
  ];
  test.each(table)('%s: %s', (_, code, text) => {
    const { code: actual, message, hint } = refusal(text);
    expect(actual).toBe(code);
    expect(message).toMatch(/^a\.txt: .{8}/);
    expect(hint).toMatch(/.{8}\.$/);
  });

  it('never shows a part of the string', () => {
    for (const [, , text] of table.filter(
      ([, , candidate]) => candidate.length > 100 && candidate.length < 1000,
    )) {
      const { message, hint } = refusal(text);
      for (let start = 0; start + 12 <= text.length; start += 4) {
        expect(message + hint).not.toContain(text.slice(start, start + 12));
      }
    }
  });
});

describe('anything at all', () => {
  const isOutcome = (value: unknown): void => {
    expect(value).toMatchObject({ ok: expect.any(Boolean) });
  };

  it('is answered, never thrown at, as text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.base64String()), (text) => {
        isOutcome(parseSessionString(text));
      }),
    );
  });

  it('is answered, never thrown at, as bytes of any shape behind every prefix', () => {
    const bytes = fc.uint8Array({ maxLength: 600 });
    fc.assert(
      fc.property(fc.constantFrom('', '1'), bytes, (prefix, data) => {
        isOutcome(parseSessionString(prefix + Buffer.from(data).toString('base64url')));
        isOutcome(parseSessionText(data, 'a.txt'));
      }),
      { numRuns: 500 },
    );
  });

  it('survives one changed, added or missing byte anywhere in a real string, and never invents another key', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.values(golden)),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        fc.nat(2),
        (text, at, flip, act) => {
          const prefix = text.startsWith('1') ? '1' : '';
          const data = Buffer.from(text.slice(prefix.length), 'base64url');
          const place = at % data.length;
          data.writeUInt8(data.readUInt8(place) ^ flip, place);
          const mutant =
            act === 0
              ? data
              : act === 1
                ? data.subarray(1)
                : Buffer.concat([data, Buffer.of(flip)]);
          const outcome = parseSessionString(prefix + mutant.toString('base64url'));
          isOutcome(outcome);
          if (outcome.ok) {
            expect(outcome.session.authKey).toHaveLength(256);
            expect(act).toBe(0);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

it('names a key by an unkeyed, domain-separated hash', () => {
  const key = fixtureKey(7);
  const expected = createHash('sha256')
    .update(Buffer.concat([Buffer.from('fleet session key v1\0'), key]))
    .digest('hex');
  expect(keyIdOf(key)).toBe(expected.slice(0, 32));
});
