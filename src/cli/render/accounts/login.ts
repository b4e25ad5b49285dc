import { encode } from 'uqr';
import type { LoginWord } from '../../../../hostside/protocol/login.ts';
import type { LoginPlan } from '../../../workflows/accounts/plan-login.ts';
import { chalk } from '../../style.ts';

/** What the login will do, before it is agreed to. */
export function formatLoginPlan({ account, known, host, reason, way, begun }: LoginPlan): string {
  const words = {
    code: 'a code that Telegram sends',
    qr: 'a QR code that a phone scans',
    bot: 'a bot token',
  };
  const lines = [`${account} logs in on ${host.name} (${reason}), by ${words[way]}.`];
  if (begun?.phase === 'taken') return `${account} is logged in; it is started on ${host.name}.`;
  if (begun?.key_id != null)
    lines.push(
      'This continues a login that was begun, with the same key; no code is needed if it ' +
        'had succeeded.',
    );
  if (known !== null && begun === null) {
    lines.push(
      `Before that ${known.host ?? 'its host'} gives up the old session for good. ` +
        'Script, pins, history and memory stay.',
    );
  }
  return lines.join('\n');
}

/**
 * One character for two modules, a quiet zone of two around them: 80 columns are enough for every
 * address that Telegram gives.
 */
export function formatQr(url: string): string {
  const { data } = encode(url, { border: 2, ecc: 'L' });
  const isLight = (row: number, column: number): boolean => data[row]?.[column] === false;
  const lines = Array.from({ length: Math.ceil(data.length / 2) }, (_, index) =>
    (data[0] ?? [])
      .map((_module, column) => {
        const [top, bottom] = [isLight(2 * index, column), isLight(2 * index + 1, column)];
        return top ? (bottom ? '█' : '▀') : bottom ? '▄' : ' ';
      })
      .join(''),
  );
  return lines.map(chalk.chalkboard).join('\n');
}

const sentBy = {
  app: 'to the account’s other devices',
  sms: 'by SMS',
  call: 'by a call',
  email: 'by e-mail',
  fragment: 'to fragment.com',
} as const;

/** What is asked, with why it is asked again. */
export function loginQuestion(question: Extract<LoginWord, { readonly ask: string }>): string {
  switch (question.ask) {
    case 'keep':
      return '';
    case 'phone':
      return (
        `${question.problem === null ? '' : 'That is not a telephone number. '}Telephone ` +
        'number, with its country code'
      );
    case 'token':
      return `${question.problem === null ? '' : 'Telegram does not know it. '}Bot token`;
    case 'password':
      return (
        `${question.problem === null ? '' : 'That is wrong. '}Two-step ` +
        `password${question.hint === '' ? '' : ` (hint: ${question.hint})`}`
      );
    case 'code': {
      const before = {
        wrong: 'That is wrong. ',
        expired: 'That had expired; there is a new one. ',
        invalid: 'That is not a code. ',
      };
      const another = question.nextInS === null ? '' : '; nothing: send it another way';
      const digits = question.length === null ? '' : `, ${question.length} digits`;
      return (
        `${question.problem === null ? '' : before[question.problem]}Code that was sent ` +
        `${sentBy[question.by]}${digits}${another}`
      );
    }
  }
}
