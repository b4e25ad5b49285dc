import * as z from 'zod';
import type { NewsName } from '../../model/alert-policy.ts';
import {
  decimal,
  duration,
  listOf,
  mapping,
  matching,
  named,
  oneOf,
  secret,
} from './schema-leaves.ts';

const newsSeverity = () => oneOf(['off', 'info', 'warning', 'critical']).optional();

const addressForm = 'an http or https address, or a secret reference that holds one';
/** Most webhooks are secrets by their address alone. */
const address = () =>
  z.union([matching(/^https?:\/\/[^\s]{1,2000}$/, addressForm), secret()], { error: addressForm });

const channelNames = () => matching(/^[a-z][a-z0-9_-]{0,31}$/, 'the name of a channel');
const oneAddress = /^[^\s<>,"]{1,64}@[^\s<>,"]{1,250}$/;

/** Everything that any kind of channel may have; which kind has what is in alert-rules.ts. */
const channel = () =>
  mapping({
    kind: oneOf(['webhook', 'telegram', 'mail', 'command', 'alertmanager']),
    url: address().optional(),
    body: matching(
      /^[a-z][a-z0-9-]{0,62}$/,
      'fleet, alertmanager, or the name of a template',
    ).optional(),
    authorization: secret().optional(),
    sign_key: secret().optional(),
    token: secret().optional(),
    chat: z
      .union([z.int(), z.string().regex(/^(?:-?\d{1,20}|@\w{4,32})$/)], {
        error: 'the id of a chat, or @name of a public one',
      })
      .transform(String)
      .optional(),
    server: matching(
      /^(?:https?|smtps?):\/\/[A-Za-z0-9._:[\]-]{1,255}$/,
      'an address such as smtps://mail.example.com:465',
    ).optional(),
    user: matching(/^[^\s]{1,250}$/, 'a user name').optional(),
    password: secret().optional(),
    from: matching(oneAddress, 'an address such as fleet@example.com').optional(),
    to: listOf(matching(oneAddress, 'an address such as ops@example.com')).optional(),
    argv: listOf(matching(/^[^\0]{1,1000}$/, 'a program or one of its arguments')).optional(),
  });

const sentence = () => matching(/^.{1,400}$/, 'one line of at most 400 characters');

const rule = () =>
  z.union(
    [
      z.literal('off'),
      mapping({
        measure: matching(/^[a-z][a-z-]{0,62}$/, 'the name of a measure').optional(),
        warning: decimal(0, 1_000_000).optional(),
        critical: decimal(0, 1_000_000).optional(),
        for: duration('0s', '7d').optional(),
        text: sentence().optional(),
        remedy: sentence().optional(),
      }),
    ],
    { error: 'off, or a mapping such as { warning: 70, critical: 85, for: 10m }' },
  );

/** `alerts:` of the inventory. */
export const alertsSchema = mapping({
  language: oneOf(['en', 'zh']).optional(),
  repeat: duration('10m', '7d').optional(),
  heartbeat: address().optional(),
  channels: z
    .record(
      named(
        /^[a-z][a-z0-9_-]{0,31}$/,
        'a channel has at most 32 lower-case letters, digits, "-" and "_"',
      ),
      channel(),
      {
        error: 'a mapping of channels',
      },
    )
    .optional(),
  send: listOf(
    z.union([channelNames(), listOf(channelNames()).min(1)], {
      error: 'a channel, or a list of channels that are tried in order',
    }),
  ).optional(),
  rules: z
    .record(
      named(/^[a-z][a-z0-9-]{0,62}$/, 'the name of a rule has lower-case letters, digits and "-"'),
      rule(),
      {
        error: 'a mapping of rules',
      },
    )
    .optional(),
  news: mapping({
    'allocation-failed': newsSeverity(),
    rebalanced: newsSeverity(),
    'failed-over': newsSeverity(),
    'ran-twice': newsSeverity(),
    'destroyed-host-answers': newsSeverity(),
    'clock-stepped': newsSeverity(),
  } satisfies Record<NewsName, unknown>).optional(),
});

export type AlertsYaml = z.output<typeof alertsSchema>;
export type ChannelYaml = NonNullable<AlertsYaml['channels']>[string];
