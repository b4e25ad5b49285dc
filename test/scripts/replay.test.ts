import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { silenceReasons } from '../../hostside/protocol/silence.ts';
import { parseTranscript } from '../../src/scripts/transcript.ts';
import { testScript } from '../../src/workflows/answers/test-script.ts';
import { parsed } from '../inventory/sample-inventory.ts';

const garden = fileURLToPath(
  new URL('../../templates/scripts/garden.transcript.yaml', import.meta.url),
);

const outcomes = async (script: string): Promise<readonly string[]> =>
  (await testScript(null, script, garden, [])).events.map(({ outcomes: [first] }) =>
    first?.sentAtMs === null
      ? (first.reason ?? '')
      : first?.model
        ? `${first.rule} (model)`
        : `${first?.rule}!`,
  );

test('the transcript that ships, by each script that ships: exactly these answers and these reasons', async () => {
  expect(await outcomes('welcome')).toEqual(
    (
      'welcome! silent-rule no-rule no-rule no-rule edited bot empty mentioned! mentioned! ' +
      'mentioned! no-rule opt-out-now opted-out no-rule'
    ).split(' '),
  );
  expect(await outcomes('faq-desk')).toEqual(
    (
      'no-rule no-rule opening-hours! no-rule prices-for-all! edited bot empty no-rule ' +
      'no-rule no-rule help! opt-out! opted-out opening-hours!'
    ).split(' '),
  );
  expect(
    (await outcomes('support-desk')).filter((each) => each.endsWith('!') || each.endsWith(')')),
  ).toEqual(['office-hours!', 'delivery (model)', 'asked (model)', 'handover!', 'opt-out!']);
});

test('accounts that share the group: each message is answered once, all of them answer some, and who is mentioned answers', async () => {
  const inventory = parsed(`version: 1
fleet: test
vault: { key: env:K }
telegram: { api_id: 1, api_hash: env:H }
hosts: { web-1: }
accounts: { anna: { script: faq-desk }, ben: , cleo: }
`);
  const { events } = await testScript(inventory, 'faq-desk', garden, ['anna', 'ben', 'cleo']);
  for (const { outcomes: all } of events) {
    expect(all).toHaveLength(3);
    const answers = all.filter(({ sentAtMs }) => sentAtMs !== null);
    expect(answers.length).toBeLessThanOrEqual(1);
    if (answers.length === 1)
      expect(all.map(({ reason }) => reason)).toEqual(
        expect.arrayContaining(['colleague-answered', 'colleague-answered']),
      );
  }
  expect(
    events.filter(({ outcomes: all }) => all.some(({ sentAtMs }) => sentAtMs !== null)),
  ).toHaveLength(5);
});

test('transcripts: YAML or JSON lines, mistakes with their line', () => {
  const parse = (text: string) => parseTranscript(text, 't', () => null);
  const lines =
    '{"from": "Eva", "text": "hi", "at": "2026-11-25T12:00:00Z"}\n\n{"joins": ["Tom"], ' +
    '"after": "5s"}\n';
  const { events, chatId } = parse(lines);
  expect(
    events.map(({ kind, messageId, sentAtMs }) => [
      kind,
      messageId,
      new Date(sentAtMs).toISOString(),
    ]),
  ).toEqual([
    ['message', 100, '2026-11-25T12:00:00.000Z'],
    ['joined', 200, '2026-11-25T12:00:05.000Z'],
  ]);
  expect(chatId).toBe('-1001234567890');
  expect(() => parse('{"from": "Eva"}\n{"form": "Tom"}')).toThrow(
    expect.objectContaining({
      problems: [expect.stringMatching(/^t:2:5 .*unknown key \(did you mean "from"\?\)/)],
    }),
  );
  expect(() => parse('messages: []')).toThrow(
    expect.objectContaining({ problems: [expect.stringMatching(/at least one message/)] }),
  );
});

test('docs/scripts.md lists every reason', () => {
  const docs = readFileSync(new URL('../../docs/scripts.md', import.meta.url), 'utf8');
  for (const [reason, text] of Object.entries(silenceReasons))
    expect(docs).toContain(`| \`${reason}\` | ${text} |`);
});
