import type { Command } from 'commander';
import { type Described, describe } from '../help.ts';

/** What is to be known of commands that are not verbs of `src/verbs`. */
const commands: readonly Described[] = [
  {
    name: 'new',
    group: 'setup',
    examples: [
      ['new root@192.0.2.11 root@192.0.2.12', 'two servers by their addresses'],
      ["new --from-ssh-config 'web-*'", 'the hosts of your ssh config that match'],
      ['new --from-ansible hosts.ini --dry-run', 'print what would be written'],
    ],
    files: ['inventory', 'key', 'sshConfig'],
  },
  {
    name: 'config validate',
    group: 'setup',
    examples: [
      ['config validate', 'all mistakes at once; asks no host'],
      ['config validate --json', 'for a pipeline'],
    ],
    files: ['inventory', 'scripts', 'profiles', 'sshConfig'],
  },
  {
    name: 'config show',
    group: 'setup',
    examples: [
      ['config show', 'settings of the fleet, and where each comes from'],
      ['config show h2', 'the same of a host, or of an account'],
    ],
    files: ['inventory', 'sshConfig'],
  },
  {
    name: 'hosts add',
    group: 'hosts',
    examples: [
      ['hosts add eu-3 root@192.0.2.13 --group eu', 'one more server, in a group'],
      ['hosts add eu-3 root@192.0.2.13 --dry-run', 'print the inventory as it would be'],
    ],
    files: ['inventory'],
  },
];

/** Gives them their place in help. */
export function describeCommands(program: Command): void {
  for (const about of commands) {
    const command = about.name
      .split(' ')
      .reduce<Command | undefined>((parent, word) => parent?.commands.find((each) => each.name() === word), program);
    if (command !== undefined) describe(command, about);
  }
}
