import { createHash } from 'node:crypto';
import { type AccountName, isAccountName } from '../../model/names.ts';

/**
 * Cyrillic in Latin letters, as passports and road signs have it; of several languages the
 * commonest reading.
 */
const cyrillic: Readonly<Record<string, string>> = Object.fromEntries(
  (
    'а:a б:b в:v г:g д:d е:e ё:e ж:zh з:z и:i й:y к:k л:l м:m н:n о:o п:p р:r с:s т:t у:u ' +
    'ф:f х:kh ц:ts ч:ch ш:sh щ:shch ъ: ы:y ь: э:e ю:yu я:ya ' +
    'є:ye і:i ї:yi ґ:g ў:w ђ:dj ј:j љ:lj њ:nj ћ:c џ:dz ѓ:gj ќ:kj ѕ:dz қ:q ң:n ғ:g ү:u ұ:u ' +
    'һ:h ө:o ә:a'
  )
    .split(' ')
    .map((pair) => pair.split(':')),
);
const latin: Readonly<Record<string, string>> = {
  ß: 'ss',
  ø: 'o',
  ł: 'l',
  đ: 'd',
  æ: 'ae',
  œ: 'oe',
  þ: 'th',
  ð: 'd',
  ı: 'i',
};

/** Letters that have a reading, in lower case; what has none stays as it is. */
const readable = (text: string): string =>
  Array.from(text.normalize('NFC').toLowerCase(), (letter) => {
    const known = cyrillic[letter] ?? latin[letter];
    if (known !== undefined) return known;
    const base = letter.normalize('NFKD').replace(/\p{M}/gu, '');
    return /^[\x20-\x7e]+$/.test(base) ? base.toLowerCase() : letter;
  }).join('');

const mostLetters = 50;
const mostDisplayed = 100;

export interface ProposedName {
  readonly name: AccountName;
  /** What people call it; null: the name itself says it. */
  readonly displayName: string | null;
}

const digestOf = (text: string, digits: number): string =>
  createHash('sha256').update(text.normalize('NFC')).digest('hex').slice(0, digits);

/**
 * A name for an account that people call `called`, in any script. Names that fit stay as they are,
 * in lower case. The same text always gives the same name;
 * where letters were lost (Chinese has no reading here), a digest of the text keeps different texts
 * apart. `isTaken`: the short form belongs to another account.
 */
export function proposeName(called: string, isTaken = false): ProposedName {
  const plain = called.toLowerCase();
  if (isAccountName(plain) && !isTaken) return { name: plain, displayName: null };
  const read = readable(called);
  const isWhole = !/[^\x20-\x7e]/.test(read);
  const slug = trimmed(read.replace(/[^a-z0-9._]+/g, '-').slice(0, mostLetters));
  const name =
    slug === ''
      ? `account-${digestOf(called, 8)}`
      : isWhole && !isTaken && read.length <= mostLetters
        ? slug
        : `${slug}-${digestOf(called, 6)}`;
  return {
    name: name as AccountName,
    displayName: Array.from(called.normalize('NFC').trim()).slice(0, mostDisplayed).join(''),
  };
}

const trimmed = (text: string): string => text.replace(/^[-._]+|[-._]+$/g, '');
