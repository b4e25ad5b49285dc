import type { Mutant } from './mutant.ts';

const gate = 'hostside/gate/decide.ts';
const release = 'hostside/helper/acts/release.ts';
const grant = 'hostside/helper/acts/grant.ts';
const files = 'hostside/machine/durable-file.ts';
const request = 'hostside/helper/run-request.ts';

const waitForLock = `  const locks = [
    { path: authorityLockPath(world.places), shared: true },
    { path: actLockPath(world.places, act.keyId), shared: false },
  ];
  const lock = await takeLocks(locks, Math.min(accountWaitMs, leftMs));
  if (lock === null) return { ok: false, refusal: 'busy', message: 'another act on this account is under way on the host' };
  try {
`;

/** What the helper, the gate and the hold do on a host. */
export const hostMutants: readonly Mutant[] = [
  {
    ...{ name: 'gate-without-the-state', file: gate, rule: 'only an active claim starts' },
    from: "if (claim.state !== 'active') return `the claim is",
    to: "if (claim.state === 'revoked') return `the claim is",
  },
  {
    ...{
      name: 'gate-after-a-fault',
      file: gate,
      rule: 'a claim that cannot be trusted starts nothing',
    },
    from: 'if (fault !== null) return `the claim file is ${fault}`;',
    to: '',
  },
  {
    ...{ name: 'gate-on-a-clone', file: gate, rule: 'a clone starts nothing' },
    from: "if (claim.instanceId !== instanceId) return 'the claim was made for another machine",
    to: "if (claim.instanceId === '') return 'the claim was made for another machine",
  },
  {
    ...{
      name: 'floor-of-a-clean-stop-always',
      file: gate,
      rule: 'an unclean end waits for the longer floor',
    },
    from: 'const floorMs = stop.clean ? floors.settleMs : uncleanMs;',
    to: 'const floorMs = floors.settleMs;',
  },
  {
    ...{
      name: 'floor-without-linger',
      file: gate,
      rule: 'no start while Telegram may count the last connection',
    },
    from: 'const uncleanMs = Math.max(floors.settleUncleanMs, lingerMs);\n  if (start',
    to: 'const uncleanMs = Math.min(floors.settleUncleanMs, lingerMs, 5_000);\n  if (start',
  },
  {
    ...{
      name: 'stop-mark-of-another-start',
      file: gate,
      rule: 'a stop mark ends the start that it names',
    },
    from: 'if (stop === null || stop.startId !== start.startId) return',
    to: 'if (stop === null) return',
  },
  {
    ...{
      name: 'floor-across-a-boot',
      file: gate,
      rule: 'a stop in an earlier boot counts from now',
    },
    from: 'if (stop.bootId !== now.bootId) return floorMs;',
    to: 'if (stop.bootId !== now.bootId) return 0;',
  },
  {
    ...{
      name: 'claim-not-judged-after-the-wait',
      file: 'hostside/gate/pass-gate.ts',
      rule: 'the claim is judged again after the floor',
    },
    from: 'const refusalAfterWait = refuseClaim(world) ?? refuseStandstill(before, telegramMs);',
    to: 'const refusalAfterWait = refuseStandstill(before, telegramMs);',
  },
  {
    ...{
      name: 'reconnect-at-another-epoch',
      file: 'hostside/gate/pass-gate.ts',
      rule: 'a worker connects only at the epoch that it was let through at',
    },
    from:
      "return readClaim(places, keyId).claim?.epoch === epoch ? null : 'the claim has moved " +
      "on to another epoch';",
    to: 'return epoch >= 0 ? null : places.root;',
  },
  {
    ...{
      name: 'receipt-without-proof',
      file: release,
      rule: 'a receipt needs the proof of the stop',
    },
    from: 'if (left !== null || closed.claim === null) return notStopped(',
    to: 'if (closed.claim === null) return notStopped(',
  },
  {
    ...{
      name: 'receipt-before-the-floor',
      file: release,
      rule: 'a receipt for use outside waits for the floor',
    },
    from: 'if (act.successor === leavesTheFleet) await passSettleFloor(world, act.keyId);',
    to: '',
  },
  {
    ...{
      name: 'revoke-without-stop',
      file: release,
      rule: 'a revoke stops what a lost grant has started',
    },
    from:
      'const left = killFault(unit) ?? (await stopAndProve(world, act.keyId, unit));\n  if ' +
      '(left !== null) return notStopped(left, claim);',
    to: '',
  },
  {
    ...{
      name: 'revoke-without-floor',
      file: release,
      rule: 'closing a torn claim waits for the floor',
    },
    from: 'if (act.settle === true) await passSettleFloor(world, act.keyId);',
    to: '',
  },
  {
    ...{
      name: 'stopped-unit-stays-enabled',
      file: release,
      rule: 'what was stopped does not start at the next boot',
    },
    from: 'world.units.setEnabled(keyId, false);\n    stopUnit(world, keyId, before);',
    to: 'stopUnit(world, keyId, before);',
  },
  {
    ...{ name: 'cgroup-not-counted', file: release, rule: 'a stop is proven by an empty cgroup' },
    from: 'if (inGroup > 0) return',
    to: 'if (inGroup < 0) return',
  },
  {
    ...{
      name: 'release-on-a-full-disk',
      file: release,
      rule: 'nothing is stopped that could not write its last words',
    },
    from: "if (decision.kind === 'write' && !hasRoomToStop(world)) return noRoomToStop;",
    to: '',
  },
  {
    ...{
      name: 'start-before-the-claim',
      file: grant,
      rule: 'the claim is durable before the start',
    },
    from:
      'writeClaim(world.places, reading, decision.next);\n  removeOlderEpochs(world.places, ' +
      'act.keyId, act.epoch);\n  return act.idle === true ? ownOnly(world, decision.next) : ' +
      'startOwned(world, decision.next, unit);',
    to:
      'const outcome = act.idle === true ? ownOnly(world, decision.next) : ' +
      'startOwned(world, decision.next, unit);\n  writeClaim(world.places, reading, ' +
      'decision.next);\n  removeOlderEpochs(world.places, act.keyId, act.epoch);\n  return ' +
      'outcome;',
  },
  {
    ...{
      name: 'claim-before-the-files',
      file: grant,
      rule: 'the files are in place before the claim',
    },
    from:
      'pointCurrent(world.places, act.keyId, act.epoch);\n  writeClaim(world.places, ' +
      'reading, decision.next);',
    to:
      'writeClaim(world.places, reading, decision.next);\n  pointCurrent(world.places, ' +
      'act.keyId, act.epoch);',
  },
  {
    ...{
      name: 'older-files-stay',
      file: grant,
      rule: 'copies of the session that no claim can use go',
    },
    from: 'removeOlderEpochs(world.places, act.keyId, act.epoch);\n  return act.idle',
    to: 'return act.idle',
  },
  {
    ...{
      name: 'idle-grant-starts',
      file: grant,
      rule: 'an account that the operator stopped is not started by its move',
    },
    from:
      'return act.idle === true ? ownOnly(world, decision.next) : startOwned(world, ' +
      'decision.next, unit);',
    to: 'return startOwned(world, decision.next, unit);',
  },
  {
    ...{
      name: 'stop-until-the-next-boot',
      file: grant,
      rule: "the operator's stop outlives a boot",
    },
    from: 'world.units.setEnabled(act.keyId, false);\n  stopUnit(world, act.keyId,',
    to: 'stopUnit(world, act.keyId,',
  },
  {
    ...{
      name: 'act-of-a-replaced-run',
      file: request,
      rule: 'a run that was replaced does nothing more',
    },
    from:
      "if (!isAuthority(world.places, stamp)) return { ok: false, refusal: 'authority', " +
      "message: 'a newer run has taken over this host' };",
    to: '',
  },
  {
    // Asked before and after the wait for the lock: without one of both the other one still
    // refuses.
    ...{ name: 'act-after-its-deadline', file: request, rule: 'no act begins after its deadline' },
    from:
      `if (leftMs <= 0) return pastDeadline;\n${waitForLock}    if (world.elapsedMs() >= ` +
      'stamp.deadlineMs) return pastDeadline;\n',
    to: waitForLock,
  },
  {
    ...{
      name: 'raise-without-waiting',
      file: 'hostside/helper/authority-record.ts',
      rule: 'a newer run waits for the acts of older ones',
    },
    from: '[{ path: authorityLockPath(places), shared: false }]',
    to: '[{ path: authorityLockPath(places), shared: true }]',
  },
  {
    ...{
      name: 'rename-without-sync',
      file: files,
      rule: 'a replaced file is on disk before the old one is gone',
    },
    from: 'fchmodSync(descriptor, mode);\n      fsyncSync(descriptor);',
    to: 'fchmodSync(descriptor, mode);',
  },
  {
    ...{
      name: 'rename-without-directory-sync',
      file: files,
      rule: 'a rename is on disk when it counts',
    },
    from: '    throw error;\n  }\n  fsyncDirectory(dirname(path));',
    to: '    throw error;\n  }',
  },
  {
    ...{
      name: 'reserved-block-not-synced',
      file: files,
      rule: 'a record in place is on disk when it counts',
    },
    from: 'writeFully(descriptor, block);\n    fsyncSync(descriptor);',
    to: 'writeFully(descriptor, block);',
  },
  {
    ...{
      name: 'staged-without-directory-sync',
      file: 'hostside/helper/acts/stage.ts',
      rule: 'staged files are on disk when they are answered',
    },
    from:
      'for (const directory of [epochs, accountPath(places, act.keyId), places.accounts]) ' +
      'fsyncDirectory(directory);',
    to: '',
  },
];
