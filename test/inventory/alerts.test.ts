import { expect, test } from 'vitest';
import { minimalYaml, problemsOf } from './sample-inventory.ts';

/**
 * What is added below the least inventory (from line 8), and the only problem that it must give,
 * from its beginning.
 */
const mistakes: readonly (readonly [yaml: string, problem: string])[] = [
  [
    'alerts:\n  rules: { busy: { measure: host-cpus, warning: 5 } }',
    '9:29 alerts.rules.busy.measure: there is no measure "host-cpus" (did you mean ' +
      '"host-cpu"?); measures are fleet-silent, host-down,',
  ],
  [
    'alerts:\n  rules: { host-cpuu: { warning: 5 } }',
    '9:12 alerts.rules.host-cpuu: fleet has no rule of this name (did you mean ' +
      '"host-cpu"?); one of your own needs measure:',
  ],
  [
    'alerts:\n  rules: { host-cpu: { warning: 100 } }',
    '9:33 alerts.rules.host-cpu.warning: it can never be true: host-cpu is never above 100 %',
  ],
  [
    'alerts:\n  rules: { host-down: { critical: 1 } }',
    '9:35 alerts.rules.host-down.critical: it can never be true: host-down is never above 1',
  ],
  [
    'alerts:\n  rules: { host-cpu: { warning: 80, critical: 70 } }',
    '9:47 alerts.rules.host-cpu.critical: is below warning (80), so there would never be a warning',
  ],
  [
    'alerts:\n  rules: { quiet: { measure: host-cpu } }',
    '9:12 alerts.rules.quiet: it can never be true: give it warning: or critical:',
  ],
  [
    'alerts:\n  rules: { host-cpu: { for: 5 } }',
    '9:29 alerts.rules.host-cpu.for: must be a duration such as 30s, 10m or 6h, from 0s to 7d',
  ],
  [
    'alerts:\n  channels: { a: { kind: webhook } }',
    '9:15 alerts.channels.a: a channel of kind webhook needs url:',
  ],
  [
    'alerts:\n  channels: { a: { kind: webhok, url: "http://x" } }',
    '9:26 alerts.channels.a.kind: must be one of webhook, telegram, mail, command, ' +
      'alertmanager, not "webhok" (did you mean "webhook"?)',
  ],
  [
    'alerts:\n  channels: { a: { kind: webhook, url: "ftp://x" } }',
    '9:40 alerts.channels.a.url: must be an http or https address, or a secret reference ' +
      'that holds one',
  ],
  [
    'alerts:\n  channels: { a: { kind: telegram, token: "123:abc", chat: 1 } }',
    '9:43 alerts.channels.a.token: must be a secret reference (env:NAME, file:PATH or ' +
      'exec:COMMAND); the secret itself is never written',
  ],
  [
    'alerts:\n  channels: { a: { kind: mail, server: "https://x", from: a@b, to: [c@d] } }',
    '9:40 alerts.channels.a.server: must begin with smtp:// or smtps:// for a channel of kind mail',
  ],
  [
    'alerts:\n  channels: { a: { kind: mail, server: "smtp://x", from: a@b, to: [c@d], ' +
      'password: env:P } }',
    '9:74 alerts.channels.a.password: a password needs user: too',
  ],
  [
    'alerts:\n  channels: { a: { kind: command, argv: [x], url: "http://x" } }',
    '9:46 alerts.channels.a.url: a channel of kind command has no url: (it has argv)',
  ],
  [
    'alerts:\n  channels: { team: { kind: command, argv: [x] } }\n  send: [taem]',
    '10:10 alerts.send[0]: no channel is called "taem" (did you mean "team"?)',
  ],
];

test.each(mistakes)('%j', (yaml, problem) => {
  expect(problemsOf(`${minimalYaml}${yaml}\n`)).toEqual([expect.stringContaining(problem)]);
});

test('all at once', () => {
  const yaml = 'alerts:\n  language: de\n  repeat: 1m\n  news: { rebalanced: loud }\n';
  expect(problemsOf(minimalYaml + yaml)).toEqual([
    expect.stringContaining('9:13 alerts.language: must be one of en, zh'),
    expect.stringContaining('10:11 alerts.repeat: must be a duration'),
    expect.stringContaining(
      '11:23 alerts.news.rebalanced: must be one of off, info, warning, critical',
    ),
  ]);
});
