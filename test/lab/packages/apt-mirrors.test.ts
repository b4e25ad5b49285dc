import { expect, test } from 'vitest';
import {
  type AptSource,
  parseSourcesList,
  parseSourcesStanzas,
  sourcesOfRelease,
} from './apt-mirrors.ts';

const main = (uri: string, suite: string): AptSource => ({ uri, suite, components: ['main'] });

test.each<[string, AptSource[]]>([
  ['deb http://a.example/debian bookworm main\n', [main('http://a.example/debian', 'bookworm')]],
  [
    'deb [arch=amd64 signed-by=/k.gpg] https://a.example/debian bookworm main # here\n',
    [main('https://a.example/debian', 'bookworm')],
  ],
  [
    'deb-src http://a.example/debian bookworm main\n# deb http://b.example/debian ' +
      'bookworm main\n\n',
    [],
  ],
])('one-line sources %j', (text, expected) => {
  expect(parseSourcesList(text)).toEqual(expected);
});

test.each<[string, AptSource[]]>([
  [
    'Types: deb deb-src\n# a comment\nURIs: http://a.example/debian\nSuites: bookworm ' +
      'bookworm-updates\nComponents: main\n',
    [
      main('http://a.example/debian', 'bookworm'),
      main('http://a.example/debian', 'bookworm-updates'),
    ],
  ],
  [
    'types: deb\nuris: http://a.example/debian\n  http://b.example/debian\nsuites: ' +
      'bookworm\ncomponents: main\n',
    [main('http://a.example/debian', 'bookworm'), main('http://b.example/debian', 'bookworm')],
  ],
  [
    'Types: deb\nEnabled: no\nURIs: http://a.example/debian\nSuites: bookworm\nComponents: main\n',
    [],
  ],
  ['Types: deb-src\nURIs: http://a.example/debian\nSuites: bookworm\nComponents: main\n', []],
  ['\n\n', []],
])('stanzas %j', (text, expected) => {
  expect(parseSourcesStanzas(text)).toEqual(expected);
});

test('the release comes first, its pockets follow, all else is left out', () => {
  const sources = [
    main('http://a.example/security', 'bookworm-security'),
    main('https://b.example/node', 'nodistro'),
    main('http://a.example/debian', 'bookworm'),
    main('file:/mnt', 'bookworm'),
  ];
  expect(sourcesOfRelease(sources, 'bookworm').map(({ suite }) => suite)).toEqual([
    'bookworm',
    'bookworm-security',
  ]);
  expect(sourcesOfRelease(sources, 'noble')).toEqual([]);
  expect(
    sourcesOfRelease([main('http://a.example/security', 'bookworm-security')], 'bookworm'),
  ).toEqual([]);
});
