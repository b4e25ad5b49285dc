/** Every kind of fault that the world knows, in the words in which a run counts them. */
export const faultKinds = {
  'power-loss': 'a host loses its power, boots again later, or never',
  'cut-link': 'the way between operator and host is cut, in one direction or both',
  'step-clock': "a host's clock is set by minutes",
  'far-clock': "a host's clock is ahead or behind by more than `hold.after`, and put right later",
  'operator-clock': "the operator's clock steps forward or back",
  'spoiled-disk': 'a disk is full, or fails to sync',
  'unsynced-disk': 'a power loss keeps any part of what was not synced',
  'crashed-worker': 'a worker ends by itself or is killed',
  'dropped-connection': 'Telegram ends a connection',
  'held-lock': 'a helper hangs in the kernel with a lock',
  'stopped-agent': 'nobody reports on a host',
  linger:
    'Telegram counts the connection of a dead machine until the time that the worker ' +
    'asked for is over',
  'close-linger': 'Telegram counts a connection for up to two seconds after its clean end',
  'dead-way': 'packets between a host and Telegram vanish without a word',
  suspend:
    'a machine is suspended or hibernated: both of its clocks jump when it goes on in the ' +
    'same boot',
  pause: 'a virtual machine is paused: its clocks stand still, and it goes on in the same boot',
  'reboot-again': 'a host boots twice or three times within minutes, a held boot among them',
  'announced-reboot':
    'a host is rebooted as `fleet reboot` announces it, quickly, slowly, or never',
  'boot-after-failover': 'a host that was failed over boots more than once',
  'container-boot': 'everything on a host starts anew under the same boot id',
  'leaves-around-failover': 'an account is exported, removed or imported again around a failover',
  stranger: 'somebody uses a session that was exported',
  'two-lost': 'two hosts are lost at once',
  'young-rollback': 'a disk is rolled back by less than `hold.after`',
  'same-identity': 'a clone boots that is the same in every part',
  'same-ids': 'a clone boots that has the ids of its machine and another network card',
  'wrong-machine': 'the address of a host leads to a copy of it for a while',
  'new-hardware':
    'a disk goes on in other hardware: another network card, firmware or cloud id, or all of them',
  'less-hardware': 'a network card is added or replaced by one more, the id of the cloud is gone',
  'bad-fence': 'a fence fails or lies, or its machine is switched on early',
  'waiting-prompt': 'the operator answers a question after many minutes',
  'changed-settings': "`hold.after` is changed by another program's init",
  'restored-files': "fleet's files are put back from a backup while the host runs",
  'removed-files': "fleet's files are deleted under running accounts",
  'forgotten-host': 'the inventory forgets a host, and the ledger is lost',
  'take-over': 'another ledger takes the hosts over',
  leftover: 'something of a stopped unit stays in its cgroup',
  'escaped-process': "a process of the account's user lives on outside its unit",
  'frozen-unit': 'a unit is frozen when it is to be stopped',
  'drop-in': 'a drop-in lets processes survive the stop',
  'stubborn-worker': 'a worker ignores SIGTERM and asks for more time again and again',
  'late-message': 'a request arrives minutes after it was given up',
  'lost-commit': "the operator's machine loses its power, and the ledger its last commit",
  'lost-vault-write': "the operator's machine loses its power, and the vault what was written last",
  'stalled-helper': 'a helper stands still for minutes before it records anything',
  'ended-session': 'Telegram ends the session of an account, and its owner logs it in again',
  'revived-session': 'a session that was said to be dead is good again',
  upgrade: 'a host is upgraded from the release before, at any moment, killed or not',
  'programs-put-back': 'a host that was upgraded gets the programs of the release before again',
  'boot-of-before': 'a host boots with the programs of the release before',
  uninstall: 'fleet is taken off a host, at any moment, with or without what it remembers',
  'large-fleet': 'four to six hosts and four to eight accounts',
} as const;

export type FaultKind = keyof typeof faultKinds;

export const allKinds = Object.keys(faultKinds) as readonly FaultKind[];
