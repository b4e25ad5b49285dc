import { stringify } from 'yaml';
import type { Draft, DraftHost, DraftLogin, NewFleet } from './draft.ts';
import { shareSettings } from './share-settings.ts';

/** A scalar as YAML writes it on one line. */
const scalar = (value: string | number): string => stringify(value, { lineWidth: 0 }).trimEnd();

const map = (entries: readonly (readonly [string, string | number])[]): string =>
  `{ ${entries.map(([key, value]) => `${scalar(key)}: ${scalar(value)}`).join(', ')} }`;

const indented = (lines: readonly string[], depth: number): readonly string[] =>
  lines.map((line) => (line === '' ? '' : ' '.repeat(depth) + line));

function login({
  user,
  port,
  identityFile,
  password,
  passphrase,
  sudoPassword,
}: DraftLogin): readonly string[] {
  return [
    ...(user === undefined ? [] : [`user: ${scalar(user)}`]),
    ...(port === undefined ? [] : [`port: ${port}`]),
    ...(identityFile === undefined ? [] : ['identity_files:', `  - ${scalar(identityFile)}`]),
    ...(passphrase === undefined ? [] : [`passphrase: ${scalar(passphrase)}`]),
    ...(password === undefined ? [] : [`password: ${scalar(password)}`]),
    ...(sudoPassword === undefined ? [] : [`sudo_password: ${scalar(sudoPassword)}`]),
  ];
}

/** `ssh:` with a login below it; nothing where the login says nothing. */
const sshBlock = (settings: DraftLogin | undefined): readonly string[] => {
  const lines = login(settings ?? {});
  return lines.length === 0 ? [] : ['ssh:', ...indented(lines, 2)];
};

/** The entry of one host, as lines below `hosts:`, from its name on. */
export function hostLines(host: DraftHost, own: DraftLogin | undefined): readonly string[] {
  const inner = [
    ...(host.address === null ? [] : [`address: ${scalar(host.address)}`]),
    ...(host.groups.length === 0 ? [] : [`groups: [${host.groups.map(scalar).join(', ')}]`]),
    ...(Object.keys(host.labels).length === 0
      ? []
      : [`labels: ${map(Object.entries(host.labels))}`]),
    ...(host.location === null ? [] : [`location: ${scalar(host.location)}`]),
    ...(host.maxAccounts === null ? [] : [`max_accounts: ${host.maxAccounts}`]),
    ...(host.cordoned === null ? [] : [comment(host.cordoned), 'cordoned: true']),
    ...sshBlock(own),
  ];
  return [`${scalar(host.name)}:`, ...indented(inner, 2)];
}

const sshComment = [
  '# How to reach the servers. What is not said here, at a group or at a host comes from ' +
    "~/.ssh/config, then from OpenSSH's defaults.",
  '# Fingerprints that you accept with `fleet hosts trust` go to known_hosts beside this file.',
];

function groupLines(draft: Draft, logins: ReadonlyMap<string, DraftLogin>): readonly string[] {
  if (draft.groups.length === 0) return [];
  const entries = draft.groups.flatMap(({ name, parents }) => {
    const inner = [
      ...(parents.length === 0 ? [] : [`groups: [${parents.map(scalar).join(', ')}]`]),
      ...sshBlock(logins.get(name)),
    ];
    return [`${scalar(name)}:${inner.length === 0 ? ' {}' : ''}`, ...indented(inner, 2)];
  });
  return [
    '',
    '# Groups of hosts share settings and can be selected: --limit @NAME.',
    'groups:',
    ...indented(entries, 2),
  ];
}

/** One line of a comment: what a source says may be anything. */
const comment = (text: string): string => `# ${text.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ')}`;

const notReadLines = (notRead: readonly string[]): readonly string[] =>
  notRead.length === 0
    ? []
    : ['#', '# Not read from there:', ...notRead.map((note) => comment(`  ${note}`))];

/** The text of a new inventory. `from`: where the servers were read from, for its first lines. */
export function writeDraft(draft: Draft, answers: NewFleet, from: string): string {
  const shared = shareSettings(draft);
  const ssh = login(shared.all);
  const lines = [
    comment(
      'What should be: the servers, how to reach them, what accounts may use. Written by ' +
        `\`fleet new\` from ${from}; yours from now on.`,
    ),
    '# `fleet config validate` checks it, `fleet config show` says what counts and why; ' +
      'inventory.example.yaml explains every key.',
    ...notReadLines(draft.notRead),
    'version: 1',
    '',
    '# Hosts remember this name: do not change it later.',
    `fleet: ${scalar(answers.fleet)}`,
    '',
    '# The sessions, encrypted, in the folder vault beside this file. Without this key ' +
      'nobody can read them: keep a copy of it elsewhere.',
    'vault:',
    `  key: ${scalar(answers.vaultKey)}`,
    '',
    '# Of your application, from https://my.telegram.org. env:NAME is an environment ' +
      'variable, file:PATH a file that only you can read, exec:COMMAND a program.',
    'telegram:',
    `  api_id: ${scalar(/^\d+$/.test(answers.apiId) ? Number(answers.apiId) : answers.apiId)}`,
    `  api_hash: ${scalar(answers.apiHash)}`,
    ...(draft.strategy === null
      ? []
      : ['', '# How accounts are given to hosts.', 'placement:', `  strategy: ${draft.strategy}`]),
    '',
    ...sshComment,
    ...(ssh.length === 0 ? ['# ssh:', '#   user: root'] : ['ssh:', ...indented(ssh, 2)]),
    '',
    '# Settings of every host; a group or a host may say otherwise.',
    'defaults:',
    '  # Accounts that a host runs at most.',
    '  max_accounts: 5',
    ...groupLines(draft, shared.groups),
    '',
    '# The servers. `fleet hosts add NAME ADDRESS` adds one.',
    'hosts:',
    ...indented(
      draft.hosts.flatMap((host) => hostLines(host, shared.hosts.get(host.name))),
      2,
    ),
  ];
  return `${lines.join('\n')}\n`;
}
