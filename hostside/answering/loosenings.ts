import type { AnswerLimits, Behaviour } from '../protocol/behaviour.ts';

/** Where nothing else is said. Answers in any 60 minutes. */
export const standardLimits: AnswerLimits = {
  perAccount: 60,
  perChat: 40,
  perUser: 10,
  ceiling: 120,
};

/**
 * What the operator has switched off or raised of the rules of good citizenship, in words; the
 * worker logs each line whenever it takes a behaviour up. Empty: all are on.
 */
export const loosenings = ({ limits, script }: Behaviour): readonly string[] => [
  ...(limits.perAccount === null ? ['the limit of answers per account is off'] : []),
  ...(limits.perChat === null ? ['the limit of answers per chat is off'] : []),
  ...(limits.perUser === null ? ['the limit of answers per person is off'] : []),
  ...(limits.ceiling > standardLimits.ceiling
    ? [`the ceiling is ${limits.ceiling} messages an hour instead of ${standardLimits.ceiling}`]
    : []),
  ...(script !== null && script.disclosure === null
    ? ['nobody is told that an automatic assistant answers (disclosure: off)']
    : []),
  ...(script !== null && script.optOut.words.length === 0
    ? ['nobody can ask for silence (opt_out: off)']
    : []),
  ...(script?.answersBots ? ['bots are answered'] : []),
  ...(script?.answersFleet ? ['other accounts of the fleet are answered'] : []),
];
