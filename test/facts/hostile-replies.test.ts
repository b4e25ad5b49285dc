import { describe, expect, it } from 'vitest';
import { parseHostSample } from '../../src/facts/agent-sample.ts';
import { parseBehaviour, parseSilences } from '../../src/facts/answering-schemas.ts';
import { askHost, parseHelperLine, replyLimitOf } from '../../src/facts/ask-host.ts';
import { FleetError } from '../../src/model/errors.ts';
import { ownMetrics } from '../../src/workflows/checkup/read-metrics.ts';
import { parseHostLine } from '../../src/workflows/init/init-events.ts';
import { FakeRemote } from '../fakes/fake-remote.ts';
import { hostReply } from './sample-reply.ts';

const keyId = 'a'.repeat(32);
const encode = (value: unknown): Uint8Array =>
  new TextEncoder().encode(
    JSON.stringify(value).replace('"DEEP"', `${'['.repeat(100_000)}${']'.repeat(100_000)}`),
  );
const withStatus = (status: unknown): Record<string, unknown> => {
  const [account] = hostReply().accounts;
  return { ...hostReply(), accounts: [{ ...account, status }, account] };
};

describe('what one worker says', () => {
  it.each([
    ['a text in place of a status', 'online'],
    ['a state that does not exist', { state: 'root' }],
    [
      'counters without end',
      {
        counters: Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`c${index}`, 1])),
      },
    ],
    ['a counter that is no name', { counters: { 'x"} 1\nfleet_host_up{host="b': 1 } }],
    ['a list 100,000 deep', 'DEEP'],
  ])('is its own fault, not that of its host: %s', (_, wrong) => {
    const good = hostReply().accounts[0]?.status;
    const status =
      typeof wrong === 'object' && !Array.isArray(wrong) ? { ...good, ...wrong } : wrong;
    const [bad, other] = parseHostSample('a', encode(withStatus(status))).accounts;
    expect(bad).toMatchObject({ status: null, statusFault: 'not a worker status' });
    expect(other?.status?.state).toBe(good?.state);
  });

  it('cannot reach the prototype of what it is parsed into', () => {
    const text = JSON.stringify(withStatus(hostReply().accounts[0]?.status)).replace(
      '"counters":{',
      '"counters":{"__proto__":7,',
    );
    const [bad] = parseHostSample('a', new TextEncoder().encode(text)).accounts;
    expect(({} as Record<string, unknown>)[7]).toBeUndefined();
    expect(Object.getPrototypeOf(bad?.status?.counters ?? {})).toBe(Object.prototype);
  });

  it('is cut in the helper’s replies, so that the other accounts of the request are heard', () => {
    const progress = parseHelperLine(
      'a',
      JSON.stringify({ progress: { keyId, state: 'offline', reason: 'x'.repeat(4_096) } }),
    );
    expect('progress' in progress && progress.progress.reason.length).toBe(2_000);
    const accounts = [{ keyId, settled: true, state: 'offline', reason: 'x'.repeat(4_096) }];
    expect(
      parseHelperLine(
        'a',
        JSON.stringify({ index: 0, ok: true, result: { kind: 'awaited', accounts } }),
      ),
    ).toMatchObject({ ok: true });
  });

  it('is no list of silences unless it is one', () => {
    const recent = {
      atMs: 1,
      chatId: '-100',
      messageId: 1,
      userId: null,
      reason: 'paused',
      rule: null,
      untilMs: null,
    };
    expect(
      parseSilences(JSON.stringify({ format: 1, recent: [recent], test: null }))?.recent,
    ).toHaveLength(1);
    for (const wrong of [
      { ...recent, atMs: 1e300 },
      { ...recent, reason: '\u001b[2J' },
      { ...recent, chatId: '1\n::error::x' },
      null,
      7,
    ])
      expect(parseSilences(JSON.stringify({ format: 1, recent: [wrong], test: null }))).toBeNull();
    expect(parseSilences('{')).toBeNull();
  });
});

describe('what a host says', () => {
  it('is a behaviour only with what the operator’s side reads of it', () => {
    const sound = {
      format: 1,
      account: 'anna',
      isPaused: false,
      chats: [],
      fleetUserIds: [],
      script: null,
      model: null,
      limits: {},
    };
    expect(parseBehaviour(JSON.stringify(sound))?.account).toBe('anna');
    // It is compared as JSON: its fields stay in their order.
    const line = JSON.stringify({ ...sound, model: { url: 'http://model', model: 'tiny' } });
    expect(JSON.stringify(parseBehaviour(line))).toBe(line);
    for (const wrong of [
      { chats: [null] },
      { chats: 'all' },
      { script: 7 },
      { isPaused: 'no' },
      { fleetUserIds: [{}] },
    ])
      expect(parseBehaviour(JSON.stringify({ ...sound, ...wrong }))).toBeNull();
  });

  it('is no behaviour when its rest could not be walked', () => {
    const sound = {
      format: 1,
      account: 'anna',
      isPaused: false,
      chats: [],
      fleetUserIds: [],
      script: null,
      model: null,
    };
    const line = JSON.stringify({ ...sound, limits: 'DEEP', note: '[[["\\{' });
    expect(parseBehaviour(line)?.account).toBe('anna');
    expect(
      parseBehaviour(line.replace('"DEEP"', `${'['.repeat(100_000)}${']'.repeat(100_000)}`)),
    ).toBeNull();
  });

  it('answers each act once, and none that was not asked', async () => {
    const line = (index: number): string =>
      `${JSON.stringify({ index, ok: true, result: { kind: 'done' } })}\n`;
    const ask = (stdout: string) => {
      const remote = new FakeRemote({ host: 'a' as never, answer: () => ({ stdout }) });
      return askHost(
        remote,
        { format: 1, acts: [{ act: 'contact' }, { act: 'survey' }] },
        { timeoutMs: 1_000 },
      );
    };
    expect((await ask(line(1) + line(0)))?.map(({ index }) => index)).toEqual([0, 1]);
    for (const wrong of [
      line(0) + line(0),
      line(0) + line(2),
      line(0),
      line(0) + line(1) + line(1),
    ])
      await expect(ask(wrong)).rejects.toMatchObject({ code: 'agent-reply' });
  });

  it('may be as long as what was asked: the limit follows from the acts', () => {
    const stop = { act: 'stop', keyId } as const;
    const read = { act: 'read-state', keyId, epoch: 1, moveId: 'm', part: 0 } as const;
    const awaited = { act: 'await', keyIds: [keyId, keyId], timeoutMs: 45_000 } as const;
    const bytes = [[stop], [stop, stop], [read], [awaited]].map(
      (acts) => replyLimitOf(acts, 60_000).bytes,
    );
    expect(bytes).toEqual([80 * 1024, 96 * 1024, 1088 * 1024, (64 + 2 * 16 * 451) * 1024]);
    expect(replyLimitOf([{ ...awaited, timeoutMs: 1e9 }], 1_000).bytes).toBe(
      (64 + 2 * 16 * 11) * 1024,
    );
  });

  it('may read a state in as many parts as the largest has, and no more', () => {
    const part = { kind: 'state-part', part: 0, parts: 1_000, data: '', settleMs: 0 };
    expect(() =>
      parseHelperLine('a', JSON.stringify({ index: 0, ok: true, result: part })),
    ).toThrow(FleetError);
    expect(
      parseHelperLine('a', JSON.stringify({ index: 0, ok: true, result: { ...part, parts: 17 } })),
    ).toMatchObject({ ok: true });
  });

  it('is no line of init when it is too long, too deep or too much', () => {
    expect(parseHostLine('['.repeat(500_000))).toBeNull();
    expect(
      parseHostLine(JSON.stringify({ t: 'note', id: 'x', text: 'y'.repeat(9_000) })),
    ).toBeNull();
    expect(
      parseHostLine(
        JSON.stringify({ t: 'step', id: 'x', state: 'ok', ms: 1, what: Array(2_000).fill('x') }),
      ),
    ).toBeNull();
  });

  it('counts for itself alone in the metrics', () => {
    const own = [
      '# HELP fleet_host_load1 Load.',
      '# TYPE fleet_host_load1 gauge',
      'fleet_host_load1{host="a",account="安\\"x"} 0.5',
    ];
    const foreign = [
      'fleet_host_up{host="a"} 1',
      'fleet_host_load1{host="b"} 0.5',
      'fleet_host_load1{host="a",host="b"} 0.5 17',
      'up 1',
      'fleet_host_load1{host="a",x="\u001b[2J"} 1',
      '# HELP fleet_host_load1 \u001b]52;c;x\u0007',
      '::error::x',
    ];
    expect(
      ownMetrics('a', [...foreign, ...own, ...foreign].join('\n'))
        .trim()
        .split('\n'),
    ).toEqual(own);
  });

  it('is repeated in an error only so far', () => {
    const error = new FleetError('agent-reply', 'x'.repeat(1e6), {
      hint: 'y'.repeat(1e6),
      problems: ['z'.repeat(1e6)],
    });
    expect([error.message.length, error.hint.length, error.problems[0]?.length]).toEqual([
      4_004, 4_004, 4_004,
    ]);
  });
});
