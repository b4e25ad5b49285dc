import type { OptOut } from '../../hostside/protocol/behaviour.ts';

/**
 * Words by which people ask for silence, where a script does not name its own: a message that is
 * nothing else. In the languages of most groups.
 */
const optOutWords: readonly string[] = [
  ...['stop', 'opt out', 'unsubscribe', 'leave me alone'],
  ...['stopp', 'hör auf', 'aufhören'],
  ...['hou op', 'stoppen', 'afmelden'],
  ...['arrête', 'arrêtez', 'désabonner'],
  ...['para', 'parar', 'basta', 'pare', 'smettila'],
  ...['oprește', 'oprește-te', 'przestań', 'přestaň', 'hagyd abba', 'σταμάτα'],
  ...['стоп', 'отстань', 'отписаться', 'відписатися'],
  ...['dur', 'توقف', 'بس کن', 'עצור', 'תפסיק'],
  ...['रुको', 'থামো', 'หยุด', 'dừng lại', 'berhenti'],
  ...['停止', '退订', 'やめて', '그만'],
];

const backWords: readonly string[] = [
  ...[
    'start',
    'weiter',
    'begin',
    'reprendre',
    'empezar',
    'começar',
    'inizia',
    'începe',
    'zacznij',
    'začni',
    'kezdd',
    'ξεκίνα',
  ],
  ...['старт', 'почни', 'başla', 'ابدأ', 'شروع', 'התחל'],
  ...['शुरू', 'শুরু', 'เริ่ม', 'bắt đầu', 'mulai'],
  ...['开始', '再開', '시작'],
];

export const standardOptOut: OptOut = {
  words: optOutWords,
  backWords,
  answer: 'I will not answer you again. Write "start" if you change your mind.',
};

/** Said below an account's first answer to a person. */
export const standardDisclosure =
  'I am an automated assistant of this group. Write "stop" and I will not answer you again.';
