/** What a reader's app would make a link. The cost is linear in the length of the text. */

/** Endings under which bare domains are common in links: "Node.js" and "3.5" are none. */
const endings = new Set(
  (
    'com net org info biz io me co app dev xyz top site shop online link club ru su by ua ' +
    'kz de fr es it uk us eu cn in br tv ly gg cc to ' +
    'pl nl ch at se no fi cz tr ir jp kr id vn th au ca mx ar рф укр бел 中国 中國 公司 网络 网址 한국'
  ).split(' '),
);
const removed = '[link removed]';
const labelLetter = /[\p{L}\p{N}-]/u;
const schemeLetter = /[a-z0-9+.-]/i;

/** Where a word that is no link ends: closing marks and the punctuation of a sentence stay. */
const trailing = /[.,;:!?)\]}'"\u00bb\u201d]{1,8}$/u;

/** Where an address with a scheme begins in the word; -1: there is none. */
function schemeStart(word: string): number {
  const at = word.indexOf('://');
  if (at < 1) return -1;
  let start = at;
  while (start > 0 && schemeLetter.test(word.charAt(start - 1))) start -= 1;
  while (start < at && !/[a-z]/i.test(word.charAt(start))) start += 1;
  return start < at ? start : -1;
}

/**
 * The end of a domain that begins at `start`; -1: none begins there. A domain ends with its last
 * label that is a common ending, or before a slash.
 */
function domainEnd(word: string, start: number, end: number): number {
  let found = -1;
  let label = start;
  for (let at = start; at <= end; at += 1) {
    if (at < end && word.charAt(at) !== '.') continue;
    const text = word.slice(label, at).toLowerCase();
    if (
      label > start &&
      text !== '' &&
      (endings.has(text) || (at === end && word.charAt(end) === '/' && /^\p{L}{2,24}$/u.test(text)))
    )
      found = at;
    label = at + 1;
  }
  return found;
}

/** One word, without white space. */
function cleanWord(word: string): string {
  const scheme = schemeStart(word);
  if (scheme >= 0) return word.slice(0, scheme) + removed;
  const www = word.toLowerCase().indexOf('www.');
  if (www >= 0 && !(www > 0 && labelLetter.test(word.charAt(www - 1))))
    return word.slice(0, www) + removed;
  if (!word.includes('.')) return word;
  let clean = '';
  let at = 0;
  while (at < word.length) {
    let end = at;
    while (end < word.length && (labelLetter.test(word.charAt(end)) || word.charAt(end) === '.'))
      end += 1;
    const domain = end > at ? domainEnd(word, at, end) : -1;
    if (domain >= 0) {
      // a path belongs to the link, the sentence's own marks do not
      const path = word.slice(domain);
      return (
        clean +
        removed +
        (/^[/:?#]/.test(path) ? (trailing.exec(path)?.[0] ?? '') : cleanWord(path))
      );
    }
    clean += word.slice(at, end + 1);
    at = end + 1;
  }
  return clean;
}

/** `text` with every link replaced. */
export const withoutLinks = (text: string): string =>
  text
    .split(/(\s+)/u)
    .map((word, index) => (index % 2 === 0 ? cleanWord(word) : word))
    .join('');
