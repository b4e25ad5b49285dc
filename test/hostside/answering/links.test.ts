import { expect, test } from 'vitest';
import { withoutLinks } from '../../../hostside/answering/links.ts';

const gone = '[link removed]';

test.each([
  ['https://evil.example/x?y=1', gone],
  ['(see https://evil.example)', `(see ${gone}`],
  ['ftp://h/x', gone],
  ['tg://resolve?domain=x', gone],
  ['www.evil.zz', gone],
  ['WWW.EVIL.ZZ/a', gone],
  ['evil.com', gone],
  ['evil.com, and', `${gone}, and`],
  ['evil.com.', `${gone}.`],
  ['sub.evil.co.uk/path.', `${gone}.`],
  ['t.me/spam', gone],
  ['a@mail.com', `a@${gone}`],
  ['пример.рф', gone],
  ['evil.zz/path', gone],
  ['evil.com:8080/x', gone],
  ['one.com and two.org', `${gone} and ${gone}`],
  ['(evil.com)', `(${gone})`],
  ['Node.js 3.5, e.g. this.that', 'Node.js 3.5, e.g. this.that'],
  ['1.5 or 2.0', '1.5 or 2.0'],
  ['a/b and/or', 'a/b and/or'],
  ['...', '...'],
  ['end.Start', 'end.Start'],
  ['', ''],
])('%s', (text, wanted) => {
  expect(withoutLinks(text)).toBe(wanted);
});
