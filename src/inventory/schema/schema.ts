import * as z from 'zod';
import { accountPattern, hostPattern } from '../../model/names.ts';
import { alertsSchema } from './alert-schema.ts';
import { isEgressWord, modelWord, telegramWord } from './egress.ts';
import { limits } from './limits.ts';
import {
  decimal,
  duration,
  emptyable,
  flag,
  ledgerPlace,
  listOf,
  mapping,
  matching,
  named,
  oneOf,
  path,
  secret,
  whole,
  word,
} from './schema-leaves.ts';
import { secretReferenceForm } from './secret-reference.ts';

const labelKey = /^[A-Za-z][A-Za-z0-9._/-]{0,62}$/;
const labelForm =
  'text of letters, digits and "._:/@-", at most 63 characters, or a whole number, true or false';
const labels = () =>
  z.record(
    named(
      labelKey,
      'a label key starts with a letter and has letters, digits, ".", "_", "/" and "-" after it',
    ),
    z
      .union([z.string().regex(/^[A-Za-z0-9._:/@-]{1,63}$/), z.int(), z.boolean()], {
        error: labelForm,
      })
      .transform(String),
    { error: 'a mapping of labels, for example { tier: small }' },
  );

const groupPattern = /^[a-z][a-z0-9_-]{0,62}$/;
const groupForm =
  'a group name starts with a lower-case letter and has lower-case letters, digits, "-" ' +
  'and "_" after it';
const hostForm =
  'a host name has 1 to 63 lower-case letters, digits, "-" and ".", and begins and ends ' +
  'with a letter or digit';
const accountForm =
  'an account name has 1 to 63 lower-case letters, digits, "-", "_" and ".", and begins ' +
  'and ends with a letter or digit';

const location = () =>
  z.union(
    [
      z.string(),
      mapping({
        name: matching(/^.{1,80}$/, 'a name of at most 80 characters').optional(),
        lat: decimal(-90, 90, ' degrees'),
        lon: decimal(-180, 180, ' degrees'),
        country: matching(/^[A-Za-z]{2}$/, 'a country code of two letters such as DE').optional(),
      }),
    ],
    { error: 'the name of a place such as frankfurt or fra, or { lat: 50.11, lon: 8.68 }' },
  );

/**
 * What OpenSSH takes on its command line: a name may become a part of a command of the operator's
 * own ssh config (%r), or of a rule for sudo.
 */
const userName = () =>
  matching(
    /^(?!-)[\w.!#%*+,/=?[\]^~\\\u00c0-\u024f\u3040-\u9fff-]{0,31}[\w.!#%*+,/=?[\]^~$\u00c0-\u024f\u3040-\u9fff-]$/,
    'a user name, without control characters, blanks and what a shell obeys',
  );

const sshShape = {
  user: userName().optional(),
  port: whole(1, 65_535).optional(),
  identity_files: listOf(path()).optional(),
  password: secret().optional(),
  passphrase: secret().optional(),
  sudo_password: secret().optional(),
  sudo: oneOf(['full', 'narrow']).optional(),
  init_user: userName().optional(),
  transport: oneOf(['ssh2', 'openssh', 'auto']).optional(),
  connect_timeout: duration('1s', '5m').optional(),
  command_timeout: duration('1s', '1d').optional(),
};

const command = () =>
  listOf(
    matching(
      /^[^\0]{1,1000}$/,
      'a program or one of its arguments; {host} and {address} are replaced',
    ),
  );

const fence = () =>
  mapping({
    off: command(),
    verify: command(),
    timeout: duration('1s', '10m').optional(),
  });

const hostShape = {
  fence: fence().optional(),
  labels: labels().optional(),
  zone: word('a zone').optional(),
  location: location().optional(),
  profile: matching(
    /^[a-z0-9][a-z0-9-]{0,62}$/,
    'the name of a profile: lower-case letters, digits and "-"',
  ).optional(),
  max_accounts: whole(0, 1_000).optional(),
  cordoned: flag().optional(),
  limits: limits().optional(),
  time_zone: matching(
    /^[A-Za-z0-9_+/-]{1,64}$/,
    'a time zone such as Etc/UTC or Europe/Berlin',
  ).optional(),
  allow_unsupported_os: flag().optional(),
};

const memberOf = () => listOf(named(groupPattern, groupForm)).optional();

const telegramShape = {
  device_model: matching(/^.{1,64}$/, 'text of at most 64 characters').optional(),
  system_version: matching(/^.{1,64}$/, 'text of at most 64 characters').optional(),
  app_version: matching(/^.{1,64}$/, 'text of at most 64 characters').optional(),
  lang_code: matching(
    /^[a-z]{2,3}(?:-[a-zA-Z]{2,8})?$/,
    'a language code such as en or pt-br',
  ).optional(),
};

const apiId = () =>
  z.union([z.int().min(1).max(2_147_483_647), secret()], {
    error: `a whole number, or a secret reference (${secretReferenceForm})`,
  });

/** What stands for fleet's own worker where `account_defaults` name another one. */
export const bundledWorker = 'bundled';

const workerShape = mapping({
  command: listOf(
    matching(
      /^[A-Za-z0-9._/=:,@+-]{1,250}$/,
      'a word of letters, digits and "._/=:,@+-": the path of a program or one of its arguments',
    ),
  )
    .min(1, { error: 'a list that begins with the absolute path of a program' })
    .refine((words) => words[0] === undefined || /^\/[A-Za-z0-9._/+-]+$/.test(words[0]), {
      error: 'a list that begins with the absolute path of a program',
    })
    .refine((words) => words.join(' ').length <= 1000, {
      error: 'a list of at most 1000 characters',
    }),
  session_format: oneOf([
    'gramjs-string',
    'telethon-string',
    'pyrogram-string',
    'mtcute-string',
  ]).optional(),
  linger: duration('5s', '1h').optional(),
});

const worker = () =>
  z.union([z.literal(bundledWorker), workerShape], {
    error: `{ command: [/path/on/the/host] } for a program of your own, or ${bundledWorker}`,
  });

const chatForm =
  'the id of a group in the marked form: -100 and the number of a supergroup, - and the ' +
  'number of a basic group';
/** Marked ids of groups. A whole number, or the same as text. */
const chatId = () =>
  z
    .union(
      [
        z.int({ error: chatForm }).max(-1, { error: chatForm }),
        z.string().regex(/^-[1-9]\d{0,15}$/, { error: chatForm }),
      ],
      {
        error: chatForm,
      },
    )
    .transform(String);

const chats = () =>
  z.union(
    [
      z.record(
        named(
          /^[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}$/,
          'the name of a group: letters, digits, spaces, "-", "_" and "."',
        ),
        chatId(),
      ),
      z.array(chatId()).max(50),
    ],
    {
      error:
        'a mapping of names to ids such as { garden: -1001234567890 }, or a list of at most 50 ids',
    },
  );

const hourly = () =>
  z.union([z.literal('off'), z.int().min(0).max(100_000)], {
    error: 'a whole number from 0 to 100000 (answers in an hour), or off',
  });

const answerLimits = () =>
  mapping({
    per_account: hourly().optional(),
    per_chat: hourly().optional(),
    per_user: hourly().optional(),
    ceiling: whole(0, 100_000).optional(),
  });

const model = () =>
  mapping({
    base_url: matching(
      /^https?:\/\/(?![^/?#]*@)[^\s]*[^\s/]$/,
      'an address such as https://api.example.com/v1, without a login and without a "/" at its end',
    ),
    model: matching(/^[^\s]{1,200}$/, 'the name of a model'),
    api_key: secret().optional(),
    timeout: duration('1s', '5m').optional(),
    retries: whole(0, 10).optional(),
    concurrency: whole(1, 100).optional(),
    temperature: decimal(0, 2).optional(),
    context_messages: whole(0, 100).optional(),
    context_tokens: whole(0, 200_000).optional(),
    answer_tokens: whole(1, 4_096).optional(),
    budget_tokens: whole(0, 1_000_000_000).optional(),
    budget_money: decimal(0, 1_000_000).optional(),
    price_in: decimal(0, 10_000).optional(),
    price_out: decimal(0, 10_000).optional(),
    fallback: matching(/^[^\0]{1,4096}$/, 'text of at most 4096 characters').optional(),
    moderation: flag().optional(),
  });

const strategies = ['load', 'even', 'location', 'affinity', 'isolation'] as const;

const accountShape = {
  labels: labels().optional(),
  group: word('a group of accounts').optional(),
  script: word('the name of a script').optional(),
  owner: word('an owner').optional(),
  location: location().optional(),
  allowed_zones: listOf(word('a zone, a country or a group of hosts')).optional(),
  pinned_to: matching(hostPattern, 'the name of a host').optional(),
  strategy: oneOf(strategies).optional(),
  limits: limits().optional(),
  chats: chats().optional(),
  answer_limits: answerLimits().optional(),
  worker: worker().optional(),
  log_level: oneOf(['error', 'warn', 'info', 'debug']).optional(),
};

const placement = () =>
  mapping({
    strategy: oneOf(strategies).optional(),
    strategy_by_label: z
      .record(
        named(
          /^[A-Za-z][A-Za-z0-9._/-]{0,62}(?:=[A-Za-z0-9._:/@-]{1,63})?$/,
          'a label is written as key=value, or as key for any value',
        ),
        oneOf(strategies),
        {
          error: 'a mapping such as { tier=vip: isolation }',
        },
      )
      .optional(),
    weights: mapping({
      cpu: decimal(0, 1).optional(),
      memory: decimal(0, 1).optional(),
      slots: decimal(0, 1).optional(),
      disk: decimal(0, 1).optional(),
    }).optional(),
    threshold: decimal(1, 100, ' points').optional(),
    max_migrations: whole(0, 100_000).optional(),
    memory_limit_percent: decimal(10, 100, ' percent').optional(),
    sample_max_age: duration('1s', '1d').optional(),
    cooldown: duration('0s', '30d').optional(),
  });

const egressForm =
  `${telegramWord}, ${modelWord}, an address, a range such as 203.0.113.0/24, or the name of ` +
  'a machine';
const egress = () =>
  listOf(matching(/^[^\0]{1,253}$/, egressForm).refine(isEgressWord, { error: egressForm }));

/**
 * The inventory as it is written in YAML: the source of the validation, of the types and of the
 * JSON Schema for editors.
 */
export const inventorySchema = mapping({
  version: z.literal(1, { error: '1, the only version of this format' }),
  fleet: matching(
    /^[a-z0-9][a-z0-9-]{0,31}$/,
    'a name of at most 32 lower-case letters, digits and "-"',
  ),
  vault: mapping({ path: path().optional(), key: secret() }),
  ledger: ledgerPlace().optional(),
  postgres: mapping({
    password: secret().optional(),
    ca: path().optional(),
    tls: oneOf(['verify', 'off']).optional(),
  }).optional(),
  concurrency: whole(1, 512).optional(),
  runtime_mirror: matching(
    /^https?:\/\/[^\s]+$/,
    'the address of a registry such as https://mirror.example',
  ).optional(),
  scripts: path().optional(),
  model: model().optional(),
  answer_slot: duration('5s', '10m').optional(),
  egress: mapping({ allow: egress().min(1, { error: 'a list that is not empty' }) }).optional(),
  ssh: mapping({ ...sshShape, known_hosts: path().optional() }).optional(),
  telegram: mapping({ api_id: apiId(), api_hash: secret(), ...telegramShape }),
  placement: placement().optional(),
  failover: mapping({
    max_hosts: whole(1, 10_000).optional(),
    settle: duration('5s', '1h').optional(),
  }).optional(),
  rebalance: mapping({
    patience: whole(1, 100).optional(),
    rest: duration('0s', '7d').optional(),
    half_life: duration('1s', '1d').optional(),
    measured_for: duration('0s', '15m').optional(),
    address_changes_per_week: whole(0, 1000).optional(),
    cross_country: flag().optional(),
  }).optional(),
  hold: mapping({
    after: duration('1m', '7d').optional(),
    require_clock_sync: flag().optional(),
    settle: duration('1s', '10m').optional(),
    settle_unclean: duration('5s', '1h').optional(),
  }).optional(),
  sweep: mapping({
    down_after: duration('0s', '1d').optional(),
    keep_samples: duration('1h', '365d').optional(),
  }).optional(),
  alerts: alertsSchema.optional(),
  defaults: mapping(hostShape).optional(),
  groups: z
    .record(
      named(groupPattern, groupForm),
      emptyable({ groups: memberOf(), ...hostShape, ssh: mapping(sshShape).optional() }),
      {
        error: 'a mapping of group names to settings',
      },
    )
    .optional(),
  hosts: z.record(
    named(hostPattern, hostForm),
    emptyable({
      address: matching(
        /^[A-Za-z0-9_][A-Za-z0-9._:%-]{0,252}$|^::[A-Fa-f0-9:.]*$/,
        'a host name or an IP address, without user, port and brackets',
      ).optional(),
      groups: memberOf(),
      host_keys: listOf(
        matching(
          /^SHA256:[A-Za-z0-9+/]{43}=?$/,
          'a fingerprint such as SHA256: and 43 characters (ssh-keygen -lf shows it)',
        ),
      ).optional(),
      ...hostShape,
      ssh: mapping(sshShape).optional(),
    }),
    { error: 'a mapping of host names to settings' },
  ),
  account_defaults: mapping(accountShape).optional(),
  accounts: z
    .record(
      named(accountPattern, accountForm),
      emptyable({
        ...accountShape,
        telegram: mapping({
          api_id: apiId().optional(),
          api_hash: secret().optional(),
          ...telegramShape,
        }).optional(),
      }),
      { error: 'a mapping of account names to settings' },
    )
    .optional(),
});

/**
 * The inventory after zod: durations in ms, sizes in bytes, secrets as references; absent keys are
 * absent.
 */
export type InventoryYaml = z.output<typeof inventorySchema>;
export type HostYaml = NonNullable<InventoryYaml['hosts'][string]>;
export type GroupYaml = NonNullable<NonNullable<InventoryYaml['groups']>[string]>;
export type AccountYaml = NonNullable<NonNullable<InventoryYaml['accounts']>[string]>;
