import { isIP } from 'node:net';

/** Stands for all that Telegram says it uses. */
export const telegramWord = 'telegram';
/** Stands for the host of the inventory's model. */
export const modelWord = 'model';

/**
 * https://core.telegram.org/resources/cidr.txt, and the ranges of its networks (AS62041, AS62014,
 * AS59930, AS44907, AS211157).
 */
const telegramRanges = [
  ...[
    '91.105.192.0/23',
    '91.108.4.0/22',
    '91.108.8.0/22',
    '91.108.12.0/22',
    '91.108.16.0/22',
    '91.108.20.0/22',
    '91.108.56.0/22',
  ],
  ...['95.161.64.0/20', '149.154.160.0/20', '185.76.151.0/24'],
  ...['2001:67c:4e8::/48', '2001:b28:f23c::/47', '2001:b28:f23f::/48', '2a0a:f280::/32'],
];

/** Whether a word of `egress.allow` is one. */
export const isEgressWord = (word: string): boolean => {
  const [address = '', bits, ...more] = word.split('/');
  const version = isIP(address);
  if (bits !== undefined)
    return (
      more.length === 0 &&
      version > 0 &&
      /^\d{1,3}$/.test(bits) &&
      Number(bits) <= (version === 4 ? 32 : 128)
    );
  return (
    version > 0 ||
    (/^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(word) && !/^[\d.]+$/.test(word))
  );
};

/**
 * Addresses, ranges and names that accounts may connect to, each once; null: there is no list.
 * `modelUrl`: of the inventory's model.
 */
export const expandEgress = (
  words: readonly string[] | undefined,
  modelUrl: string | null,
): readonly string[] | null => {
  if (words === undefined) return null;
  const expanded = words.flatMap((word) => {
    if (word === telegramWord) return telegramRanges;
    return word === modelWord
      ? modelUrl === null
        ? []
        : [new URL(modelUrl).hostname.replace(/^\[|\]$/g, '')]
      : [word];
  });
  return [...new Set(expanded)];
};
