import type { Mutant } from './mutant.ts';

const announcement = 'hostside/hold/decide-announcement.ts';

/** Announced reboots, the operator's clock, and hosts that only others remember. */
export const rebootMutants: readonly Mutant[] = [
  {
    ...{
      name: 'announcement-serves-again',
      file: announcement,
      rule: 'the second boot after an announcement holds',
    },
    from: "announcement.usedBy === null ? 'none' : 'spent'",
    to: "announcement.usedBy === null ? 'none' : 'none'",
  },
  {
    ...{
      name: 'announcement-for-any-boot',
      file: announcement,
      rule: 'an announcement serves one boot',
    },
    from:
      "if (announcement.usedBy !== bootId) return announcement.usedBy === null ? 'none' : " +
      "'spent';",
    to: '',
  },
  {
    ...{
      name: 'announcement-without-an-end',
      file: announcement,
      rule: 'an announcement serves no boot after its end',
    },
    from: "return wallMs <= announcement.untilMs ? 'serves' : 'none';",
    to: "return 'serves';",
  },
  {
    ...{
      name: 'announcement-not-journaled',
      file: 'src/ledger/queries/hosts.ts',
      rule: 'the safe moment lies behind the end of an announcement',
    },
    from: "may_boot_until: laterOf(eb, 'may_boot_until', untilMs),",
    to: '',
  },
  {
    ...{
      name: 'fence-believed-in-a-reboot',
      file: 'src/workflows/moves/failover.ts',
      rule: 'a machine that is off in its announced reboot is not fenced',
    },
    from: "if (statement !== 'fenced' || announced_until === null",
    to: "if (statement === 'fenced' || announced_until === null",
  },
  {
    ...{
      name: 'rolling-goes-on',
      file: 'src/workflows/hosts/reboot-hosts.ts',
      rule: 'a rolling reboot stops at the host that does not come back',
    },
    from: 'outcomes.some(({ problem }) => problem !== null)',
    to: 'outcomes.length < 0',
  },
  {
    ...{
      name: 'clock-step-not-noticed',
      file: 'src/ledger/operator-clock.ts',
      rule: "a step of the operator's clock ends no wait early",
    },
    from: 'return stepMs > toleranceMs ? stepMs : 0;',
    to: 'return 0;',
  },
  {
    ...{
      name: 'clock-step-after-the-serial-not-noticed',
      file: 'src/workflows/ownership/host-statement.ts',
      rule: "a step of the operator's clock after the serial was raised ends no wait early",
    },
    from: 'safeMs + clockStepMs(ledger, nowMs)',
    to: 'safeMs',
  },
  {
    ...{
      name: 'remembered-host-not-counted',
      file: 'src/workflows/custody/record-adoption.ts',
      rule: 'a host that others remember counts as silent',
    },
    from: '  await rememberHosts(db, missing);\n',
    to: '',
  },
  {
    ...{
      name: 'left-out-without-distance',
      file: 'src/workflows/custody/record-adoption.ts',
      rule: 'what a host that was left out owned is closed when it comes back',
    },
    from: 'await raiseEpoch(transaction, keyId, epoch + leftOutEpochs)',
    to: 'await raiseEpoch(transaction, keyId, epoch)',
  },
];
