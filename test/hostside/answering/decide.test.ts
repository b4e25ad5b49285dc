import { describe, expect, test } from 'vitest';
import { decide, resumePending } from '../../../hostside/answering/decide.ts';
import { emptyMemory, type Memory, prune } from '../../../hostside/answering/memory.ts';
import { memoryFromJson, memoryToJson } from '../../../hostside/answering/memory-json.ts';
import {
  beforeSend,
  composeAnswer,
  giveUp,
  noteBlocked,
  noteFloodWait,
  noteSent,
} from '../../../hostside/answering/sending.ts';
import type { Moment, Verdict } from '../../../hostside/answering/verdict.ts';
import type { Behaviour, Rule, Script } from '../../../hostside/protocol/behaviour.ts';
import type { ChatEvent } from '../../../hostside/protocol/chat.ts';
import {
  chatId,
  conductOf,
  join,
  message,
  moment,
  noon,
  once,
  plan,
  rule,
  script,
  self,
  sharedChat,
  short,
  user,
} from './fixtures.ts';

const check = (
  event: ChatEvent,
  expected: string,
  fields: Partial<Behaviour> = {},
  at: Partial<Moment> = {},
  memory?: Memory,
) => expect(short(once(event, fields, at, memory))).toBe(expected);

const withScript = (fields: Partial<Script>): Partial<Behaviour> => ({ script: script(fields) });
const hello = message(1, 'Hello there');

/** Says it, as the worker would. */
const say = (
  memory: Memory,
  verdict: Verdict,
  fields: Partial<Behaviour> = {},
  nowMs = noon,
): string => {
  const answer = plan(verdict);
  const conduct = conductOf(fields);
  const against = beforeSend(memory, conduct, answer, nowMs);
  if (against !== null) return against.reason;
  const text = composeAnswer(memory, conduct, answer, 'words of the model') ?? '';
  noteSent(memory, answer, { messageId: answer.replyTo + 1_000, text, atMs: nowMs });
  return text;
};

describe('each check by itself', () => {
  test('what is allowed is answered', () => check(hello, 'answer: answer of hello'));

  test('where: private chats never, groups only from the allow-list', () => {
    check({ ...hello, chatId: '500' }, 'private');
    check({ ...hello, chatId: '500' }, 'private', { chats: [{ ...sharedChat(0), id: '500' }] });
    check({ ...hello, chatId: '-1009999999999' }, 'not-allowed-chat');
  });

  test('who: not itself, not the fleet, not bots, not the group', () => {
    check({ ...hello, isOwn: true }, 'own');
    check({ ...hello, sender: user('100') }, 'own');
    check({ ...hello, sender: user('999') }, 'colleague');
    check({ ...hello, sender: user('203') }, 'colleague', { chats: [sharedChat(3)] });
    const { slotMs, colleagues } = sharedChat(3);
    check({ ...hello, sender: user('203') }, 'colleague', {
      chats: [{ ...sharedChat(1), former: { slotMs, colleagues, untilMs: noon } }],
    });
    check(
      { ...hello, sender: user('999') },
      'answer: answer of hello',
      withScript({ answersFleet: true }),
    );
    check({ ...hello, sender: user('500', { isBot: true }) }, 'bot');
    check(
      { ...hello, sender: user('500', { isBot: true }) },
      'answer: answer of hello',
      withScript({ answersBots: true }),
    );
    check({ ...hello, sender: null }, 'anonymous');
  });

  test('what: no edits, nothing twice, nothing without text, nothing stale', () => {
    check({ ...hello, isEdit: true }, 'edited');
    const memory = emptyMemory();
    check(hello, 'answer: answer of hello', {}, {}, memory);
    check(hello, 'duplicate', {}, {}, memory);
    check({ ...hello, messageId: 2, text: '', hasMedia: true }, 'empty', {}, {}, memory);
    check(hello, 'answer: answer of hello', {}, { nowMs: noon + 300_000 });
    check(hello, 'stale', {}, { nowMs: noon + 300_001 });
    check(hello, 'stale', { chats: [sharedChat(1)] }, { nowMs: noon + 300_001 });
  });

  test('paused accounts read, heed opt-outs and say nothing', () => {
    const memory = emptyMemory();
    check(hello, 'paused', { isPaused: true }, {}, memory);
    check(hello, 'paused', { isPaused: true, script: null });
    check(message(2, 'stop'), 'paused', { isPaused: true }, {}, memory);
    check(message(3, 'hello'), 'opted-out', {}, {}, memory);
    expect(memory.chats.get(chatId)?.context.map(({ text }) => text)).toEqual([
      'Hello there',
      'stop',
      'hello',
    ]);
  });

  test('rules: the first that fits; silence says how near it was', () => {
    const rules = [
      rule('nothing', { kind: 'keyword', words: ['quiet'] }, { answer: { kind: 'none' } }),
      rule(
        'german',
        { kind: 'keyword', words: ['hello'] },
        { conditions: { chats: [], senders: [], languages: ['de'], probability: 1 } },
      ),
      rule(
        'never',
        { kind: 'keyword', words: ['dice'] },
        { conditions: { chats: [], senders: [], languages: [], probability: 0 } },
      ),
      rule('last', { kind: 'mention' }),
    ];
    const fields = withScript({ rules });
    check(message(1, 'good morning'), 'no-rule', fields);
    check(message(1, 'quiet please'), 'silent-rule', fields);
    check(message(1, 'hello'), 'condition', fields);
    check(
      message(1, 'hello', { sender: user('5', { language: 'de-AT' }) }),
      'answer: answer of german',
      fields,
    );
    check(message(1, 'throw the dice'), 'probability', fields);
    check(message(1, 'hello', { isMention: true }), 'answer: answer of last', fields);
    expect(once(message(1, 'hello'), fields)).toMatchObject({ rule: 'german' });
    check(hello, 'no-script', { script: null });
  });

  test('a keyword may be several words, which stand together', () => {
    const fields = withScript({
      rules: [rule('price', { kind: 'keyword', words: ['price', 'how much'] })],
    });
    check(message(1, 'So: HOW much is it?'), 'answer: answer of price', fields);
    check(message(1, 'how very much'), 'no-rule', fields);
  });

  test('a mention is one by its flag or by its name; a reply is none', () => {
    const fields = withScript({ rules: [rule('named', { kind: 'mention' })] });
    check(message(1, 'hm', { isMention: true }), 'answer: answer of named', fields);
    check(message(1, '@Anna_Helps hm'), 'answer: answer of named', fields);
    check(message(1, 'hm', { isReplyToMe: true }), 'no-rule', fields);
    const replies = withScript({ rules: [rule('reply', { kind: 'reply' })] });
    check(message(1, 'hm', { isReplyToMe: true }), 'answer: answer of reply', replies);
    check(message(1, 'hm', { replyTo: 7 }), 'no-rule', replies);
  });

  test('conditions: the chat; the sender by id or by name', () => {
    const under = (conditions: Partial<Rule['conditions']>): Partial<Behaviour> =>
      withScript({
        rules: [
          rule(
            'any',
            { kind: 'any' },
            {
              conditions: { chats: [], senders: [], languages: [], probability: 1, ...conditions },
            },
          ),
        ],
      });
    check(hello, 'answer: answer of any', under({ chats: [chatId] }));
    check(hello, 'condition', under({ chats: ['-1009999999999'] }));
    check(hello, 'answer: answer of any', under({ senders: ['500'] }));
    check(
      { ...hello, sender: user('501', { username: 'Bob_B' }) },
      'answer: answer of any',
      under({ senders: ['bob_b'] }),
    );
    check(hello, 'condition', under({ senders: ['501', 'bob_b'] }));
  });

  test('hours and holidays', () => {
    const hours = {
      timeZone: 'Europe/Berlin',
      spans: [{ day: 3, from: 540, to: 780 }],
      holidays: ['2026-12-02'],
    };
    const at = (nowMs: number, expected: string) =>
      check({ ...hello, sentAtMs: nowMs }, expected, withScript({ hours }), { nowMs });
    at(noon, 'hours');
    at(noon - 1, 'answer: answer of hello');
    at(noon + 7 * 86_400_000 - 60_000, 'holiday');
  });

  test('limits, each by itself, and when they end', () => {
    const limits = (fields: Partial<Behaviour['limits']>): Partial<Behaviour> => ({
      limits: { perAccount: null, perChat: null, perUser: null, ceiling: 120, ...fields },
    });
    const filled = (fields: Partial<Behaviour>): Memory => {
      const memory = emptyMemory();
      say(memory, once(hello, fields, {}, memory), fields);
      return memory;
    };
    const cases = [
      ['limit-account', limits({ perAccount: 1 })],
      ['limit-chat', limits({ perChat: 1 })],
      ['limit-user', limits({ perUser: 1 })],
      ['ceiling', limits({ ceiling: 1 })],
    ] as const;
    for (const [reason, fields] of cases) {
      check(message(2, 'hello'), reason, fields, {}, filled(fields));
      check(
        message(2, 'hello', { sentAtMs: noon + 3_660_000 }),
        'answer: answer of hello',
        fields,
        { nowMs: noon + 3_660_000 },
        filled(fields),
      );
    }
    check(
      message(2, 'hello', { sender: user('501') }),
      'answer: answer of hello',
      limits({ perUser: 1 }),
      {},
      filled(limits({ perUser: 1 })),
    );
    expect(once(message(2, 'hello'), cases[0][1], {}, filled(cases[0][1]))).toMatchObject({
      untilMs: noon + 61 * 60_000,
    });
  });

  test('what Telegram forbids is waited for, or named', () => {
    const memory = emptyMemory();
    noteFloodWait(memory, noon + 10_000);
    expect(plan(once(hello, {}, {}, memory)).notBeforeMs).toBe(noon + 10_000);
    noteFloodWait(memory, noon + 400_000);
    check(message(2, 'hello'), 'flood', {}, {}, memory);
    memory.floodUntilMs = 0;
    noteBlocked(memory, chatId, 'slow-mode', noon + 400_000);
    check(message(3, 'hello'), 'slow-mode', {}, {}, memory);
    noteBlocked(memory, chatId, 'write-forbidden', noon + 1_000);
    check(message(4, 'hello'), 'write-forbidden', {}, {}, memory);
    check(message(5, 'hello'), 'answer: answer of hello', {}, { nowMs: noon + 1_000 }, memory);
  });
});

describe('opt-out', () => {
  test('counts at once; is confirmed to those whom the account talks with; ends with a word', () => {
    const memory = emptyMemory();
    say(memory, once(hello, {}, {}, memory));
    check(message(2, '@anna_helps STOP!'), 'answer: You will not hear from me.', {}, {}, memory);
    check(message(3, 'hello'), 'opted-out', {}, {}, memory);
    check(message(4, 'stop'), 'opt-out-now', {}, {}, memory);
    check(message(5, 'start'), 'no-rule', {}, {}, memory);
    check(message(6, 'hello'), 'answer: answer of hello', {}, {}, memory);
  });

  test('strangers are heard but not bothered; a sentence with the word is none', () => {
    const memory = emptyMemory();
    check(message(1, 'do not stop now, hello'), 'answer: answer of hello', {}, {}, memory);
    check(message(2, 'stop', { sender: user('501') }), 'opt-out-now', {}, {}, memory);
    check(message(3, 'hello', { sender: user('501') }), 'opted-out', {}, {}, memory);
    check(
      message(4, 'stop'),
      'no-rule',
      withScript({ optOut: { words: [], backWords: [], answer: null } }),
      {},
      memory,
    );
  });

  test('is confirmed to whoever means the account or a colleague: was answered within the hour, mentions one, or replies to one', () => {
    const confirmed = 'answer: You will not hear from me.';
    const talkedWith = (): Memory => {
      const memory = emptyMemory();
      say(memory, once(hello, {}, {}, memory));
      return memory;
    };
    const later = (ms: number) =>
      [message(2, 'stop', { sentAtMs: noon + ms }), { nowMs: noon + ms }] as const;
    const [inTime, tooLate] = [later(3_600_000), later(3_600_001)];
    check(inTime[0], confirmed, {}, inTime[1], talkedWith());
    check(tooLate[0], 'opt-out-now', {}, tooLate[1], talkedWith());
    const fields = { chats: [sharedChat(1)] };
    check(message(1, '@colleague_1 stop'), confirmed, fields);
    check(message(1, '@somebody_else stop'), 'opt-out-now', fields);
    const memory = emptyMemory();
    once(message(1, 'good morning', { sender: user('201') }), fields, {}, memory);
    once(message(2, 'good morning', { sender: user('501') }), fields, {}, memory);
    check(message(3, 'stop', { replyTo: 1 }), confirmed, fields, {}, memory);
    check(
      message(4, 'stop', { sender: user('502'), replyTo: 2 }),
      'opt-out-now',
      fields,
      {},
      memory,
    );
  });

  test('takes back what is planned already', () => {
    const memory = emptyMemory();
    const verdict = once(hello, {}, {}, memory);
    check(message(2, 'stop'), 'opt-out-now', {}, {}, memory);
    expect(say(memory, verdict)).toBe('opted-out');
  });
});

describe('hand-over', () => {
  test('is said once, then silence in that conversation until its time is over', () => {
    const memory = emptyMemory();
    const mention = { isMention: true };
    check(message(1, 'may I talk to a human'), 'no-rule', {}, {}, memory);
    const verdict = once(message(2, 'may I talk to a human', mention), {}, {}, memory);
    expect(say(memory, verdict)).toBe('A person will answer you.');
    check(message(3, 'a human, hello!', mention), 'handed-over', {}, {}, memory);
    check(message(4, 'hello', { sender: user('501') }), 'answer: answer of hello', {}, {}, memory);
    check(
      message(5, 'hello', { sentAtMs: noon + 3_600_000 }),
      'answer: answer of hello',
      {},
      { nowMs: noon + 3_600_000 },
      memory,
    );
  });
});

test('a hand-over is for nobody who has opted out, and not outside of the hours', () => {
  const wish = message(1, 'a human please', { isMention: true });
  const memory = emptyMemory();
  memory.optOuts.set('500', noon);
  check(wish, 'opted-out', {}, {}, memory);
  const closed = { timeZone: 'UTC', spans: [], holidays: [] };
  check(wish, 'no-rule', withScript({ hours: closed }));
  check(
    message(1, 'hello, a human please', { isMention: true }),
    'hours',
    withScript({ hours: closed }),
  );
});

test('a text of the script calls nobody together either', () => {
  const answer = { kind: 'text' as const, texts: ['Look here, @everyone and @all!'] };
  check(
    hello,
    'answer: Look here, everyone and all!',
    withScript({ rules: [rule('hello', { kind: 'any' }, { answer })] }),
  );
});

test('joins: people are greeted together, bots and accounts of the fleet are left out', () => {
  const fields = withScript({
    rules: [
      rule(
        'welcome',
        { kind: 'joined' },
        { answer: { kind: 'text', texts: ['Welcome to {{group}}, {{first_name}}!'] } },
      ),
    ],
  });
  check(
    join(1, [
      user('5', { firstName: 'Eva' }),
      user('6', { firstName: 'Bot', isBot: true }),
      user('7', { firstName: '@all' }),
    ]),
    'answer: Welcome to Garden, Eva, all!',
    fields,
  );
  check(join(1, [user('6', { isBot: true })]), 'bot', fields);
  check(join(1, [user('100')]), 'own', fields);
  check(join(1, [user('999')]), 'colleague', fields);
});

describe('before it is sent', () => {
  const conduct = conductOf();
  const ready = (): [Memory, ReturnType<typeof plan>] => {
    const memory = emptyMemory();
    return [memory, plan(decide(memory, conduct, hello, moment()))];
  };

  test('everything that may have changed is asked again', () => {
    const cases: [string, (memory: Memory) => void, typeof conduct?, number?][] = [
      ['paused', () => {}, conductOf({ isPaused: true })],
      ['not-allowed-chat', () => {}, conductOf({ chats: [] })],
      ['flood', (memory) => noteFloodWait(memory, noon + 1)],
      ['slow-mode', (memory) => noteBlocked(memory, chatId, 'slow-mode', noon + 1)],
      ['opted-out', (memory) => memory.optOuts.set('500', noon)],
      ['handed-over', (memory) => memory.handovers.set(`${chatId} 500`, noon + 1)],
      ['stale', () => {}, conduct, noon + 300_001],
      [
        'colleague-answered',
        (memory) =>
          void decide(
            memory,
            conductOf({ chats: [sharedChat(1)] }),
            message(9, 'yes', { sender: user('201'), replyTo: 1 }),
            moment(),
          ),
      ],
      [
        'limit-user',
        () => {},
        conductOf({ limits: { perAccount: 1, perChat: 1, perUser: 0, ceiling: 1 } }),
      ],
    ];
    for (const [reason, change, now = conduct, atMs = noon] of cases) {
      const [memory, answer] = ready();
      change(memory);
      expect(beforeSend(memory, now, answer, atMs)?.reason).toBe(reason);
      expect(memory.pending.size).toBe(0);
    }
  });

  test('in a shared group neither before nor after its own slot', () => {
    const shared = conductOf({ chats: [sharedChat(3)] });
    for (const beside of [-1, 1]) {
      const memory = emptyMemory();
      const answer = plan(decide(memory, shared, hello, moment()));
      const atMs = beside < 0 ? answer.notBeforeMs - 1 : answer.notAfterMs + 1;
      expect(beforeSend(memory, shared, answer, atMs)?.reason).toBe('slot-over');
    }
  });

  test('a repetition counts once, and stays counted', () => {
    const [memory, answer] = ready();
    expect(beforeSend(memory, conduct, answer, noon)).toBe(null);
    expect(beforeSend(memory, conduct, answer, noon)).toBe(null);
    expect(memory.said).toEqual([noon / 60_000, 1]);
    giveUp(memory, answer);
    expect(memory.said).toEqual([noon / 60_000, 1]);
    expect(memory.pending.size).toBe(0);
  });

  test('the disclosure comes with the first answer to a person; texts take turns', () => {
    const fields = withScript({
      disclosure: 'I am an assistant.',
      rules: [rule('hello', { kind: 'any' }, { answer: { kind: 'text', texts: ['one', 'two'] } })],
    });
    const memory = emptyMemory();
    expect(say(memory, once(message(1, 'x'), fields, {}, memory), fields)).toBe(
      'one\n\nI am an assistant.',
    );
    expect(say(memory, once(message(2, 'y'), fields, {}, memory), fields)).toBe('two');
    expect(
      say(memory, once(message(3, 'z', { sender: user('501') }), fields, {}, memory), fields),
    ).toBe('one\n\nI am an assistant.');
  });
});

test('after a crash what was pending is decided again: the same random id, counted once, also the confirmation of a hand-over', () => {
  const conduct = conductOf();
  const memory = emptyMemory();
  const first = plan(decide(memory, conduct, hello, moment()));
  const second = plan(
    decide(
      memory,
      conduct,
      message(2, 'a human please', { isMention: true, sender: user('501') }),
      moment(),
    ),
  );
  expect(beforeSend(memory, conduct, first, noon)).toBe(null);
  const { memory: restored, damaged } = memoryFromJson(
    JSON.parse(JSON.stringify(memoryToJson(memory))),
  );
  expect(damaged).toEqual([]);
  expect(restored).toEqual(memory);
  const again = resumePending(restored, conduct, () => moment({ nowMs: noon + 1_000 })).map(plan);
  expect(again.map(({ randomId, say: { kind } }) => [randomId, kind])).toEqual([
    [first.randomId, 'text'],
    [second.randomId, 'text'],
  ]);
  expect(beforeSend(restored, conduct, again[0] ?? first, noon + 1_000)).toBe(null);
  expect(restored.said).toEqual([noon / 60_000, 1]);
  expect(
    resumePending(restored, conduct, () => moment({ nowMs: noon + 400_000 })).map(short),
  ).toEqual(['stale', 'stale']);
  expect(restored.pending.size).toBe(0);
});

test('damaged memory begins empty part by part and says which', () => {
  expect(memoryFromJson(null).damaged).toContain('optOuts');
  const json = JSON.parse(JSON.stringify(memoryToJson(emptyMemory())));
  expect(
    memoryFromJson({ ...json, optOuts: [['5', 'yesterday']], handovers: [['x', 5]] }),
  ).toMatchObject({ damaged: ['optOuts'] });
  expect(memoryFromJson({ ...json, format: 2 }).damaged).toHaveLength(9);
});

test('pruning takes what has ended', () => {
  const memory = emptyMemory();
  once(hello, {}, {}, memory);
  memory.handovers.set('a', noon - 1).set('b', noon + 1);
  memory.talks.set('a', noon - 3_600_000).set('b', noon);
  prune(memory, new Set(), noon);
  expect([...memory.handovers.keys(), ...memory.talks.keys(), ...memory.chats.keys()]).toEqual([
    'b',
    'b',
  ]);
  expect(self.userId).toBe('100');
});
