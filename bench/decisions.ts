import { prepare } from '../hostside/answering/conduct.ts';
import { decide } from '../hostside/answering/decide.ts';
import { emptyMemory } from '../hostside/answering/memory.ts';
import { beforeSend, noteSent } from '../hostside/answering/sending.ts';
import type { Rule } from '../hostside/protocol/behaviour.ts';
import {
  behaviour,
  message,
  moment,
  noon,
  rule,
  script,
  sharedChat,
  user,
} from '../test/hostside/answering/fixtures.ts';

/**
 * `npm run bench:decisions`: processor time of one decision with 100 rules, for messages that
 * nothing fits and for messages that are answered.
 */
const rules: readonly Rule[] = Array.from({ length: 100 }, (_, index) =>
  index % 4 === 3
    ? rule(`r${index}`, {
        kind: 'pattern',
        source: `\\b(?:order|invoice)\\s+(?:no\\.?\\s*)?${index}\\d{3,6}\\b`,
      })
    : rule(`r${index}`, {
        kind: 'keyword',
        words: ['one', 'two', 'three', 'four', 'five'].map((word) => `${word}${index}`),
      }),
);
const hours = {
  timeZone: 'Europe/Berlin',
  spans: [0, 1, 2, 3, 4, 5, 6].map((day) => ({ day, from: 0, to: 1440 })),
  holidays: ['2026-12-25'],
};
const conduct = prepare(
  behaviour({
    chats: [sharedChat(4)],
    script: script({ rules, hours, staleAfterMs: 3_600_000 }),
    limits: { perAccount: null, perChat: null, perUser: null, ceiling: 100_000_000 },
  }),
);

const measure = (title: string, textOf: (index: number) => string): void => {
  const memory = emptyMemory();
  const rounds = 4_000;
  let answers = 0;
  const run = (from: number, to: number): void => {
    for (let index = from; index < to; index += 1) {
      const nowMs = noon + index * 50;
      const event = message(2 * index, textOf(index), {
        sentAtMs: nowMs,
        sender: user(String(index % 5_000)),
      });
      const verdict = decide(memory, conduct, event, moment({ nowMs }));
      if (
        verdict.kind !== 'answer' ||
        beforeSend(memory, conduct, verdict, verdict.notBeforeMs) !== null
      )
        continue;
      noteSent(memory, verdict, { messageId: 2 * index + 1, text: 'answer', atMs: nowMs });
      answers += 1;
    }
  };
  run(1, 1_000);
  answers = 0;
  const start = process.cpuUsage();
  run(1_000, 1_000 + rounds);
  const { user: own, system } = process.cpuUsage(start);
  const perDecisionMs = (own + system) / 1_000 / rounds;
  console.log(
    `${title.padEnd(44)} ${perDecisionMs.toFixed(3)} ms CPU each, ${answers} of ${rounds} ` +
      'answered (target 0.2)',
  );
};

const talk =
  'does anybody know whether the garden centre near the station is open on Sunday, and ' +
  'what a bag of soil costs there?';
measure('100 rules, nothing fits, 115 characters', () => talk);
measure('100 rules, nothing fits, 1,000 characters', () => talk.repeat(9).slice(0, 1_000));
measure('100 rules, the 99th fits', () => `${talk} three98`);
measure('100 rules, the last (a pattern) fits', () => `order no. 991234 ${talk}`);
