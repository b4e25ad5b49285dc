import type { Mutant } from './mutant.ts';

const decide = 'hostside/claims/decide.ts';
const authority = 'hostside/claims/authority.ts';
const slots = 'hostside/claims/claim-slots.ts';

/** What a host decides about claims. */
export const claimsMutants: readonly Mutant[] = [
  {
    ...{ name: 'grant-at-a-seen-epoch', file: decide, rule: 'a grant raises the epoch' },
    from:
      'if (claim !== null && claim.epoch >= act.epoch) return decideGrantAgain(claim, act, ' +
      'facts);',
    to:
      'if (claim !== null && claim.epoch > act.epoch) return decideGrantAgain(claim, act, ' +
      'facts);',
  },
  {
    ...{ name: 'grant-over-a-release', file: decide, rule: 'no grant before the release is over' },
    from:
      "if (claim?.state === 'releasing') return refuse('state', `move ${claim.moveId} has " +
      'not finished releasing epoch ${claim.epoch}`);',
    to: '',
  },
  {
    ...{
      name: 'grant-beside-a-process',
      file: decide,
      rule: 'no grant while a process of the account is left',
    },
    from:
      "if (facts.running) return refuse('state', `a process of the account still runs here " +
      '(claim: ${wordsFor(claim)}); release it first`);',
    to: '',
  },
  {
    ...{
      name: 'grant-of-files-of-another-move',
      file: decide,
      rule: 'a grant needs the files of its own move',
    },
    from:
      'const isStaged = facts.staged.some(({ epoch, moveId }) => epoch === act.epoch && ' +
      'moveId === act.moveId);\n  if (!isStaged) return refuse(',
    to:
      'const isStaged = facts.staged.some(({ epoch }) => epoch === act.epoch);\n  if ' +
      '(!isStaged) return refuse(',
  },
  {
    ...{
      name: 'grant-again-after-a-revoke',
      file: decide,
      rule: 'what was closed at an epoch stays closed at it',
    },
    from:
      "if (claim.state !== 'active') return refuse('epoch', `epoch ${act.epoch} is " +
      '${claim.state} here; a new grant needs a higher one`);',
    to: '',
  },
  {
    ...{ name: 'grant-again-by-another-move', file: decide, rule: 'an epoch belongs to one move' },
    from:
      "if (claim.moveId !== act.moveId) return refuse('move', `epoch ${act.epoch} was " +
      'granted by move ${claim.moveId}`);',
    to: '',
  },
  {
    ...{
      name: 'release-of-a-revoked-claim',
      file: decide,
      rule: 'a revoked claim gives no receipt',
    },
    from:
      "if (claim.state === 'revoked') return refuse('state', `the claim here is " +
      '${wordsFor(claim)}`);',
    to: '',
  },
  {
    ...{
      name: 'release-of-another-epoch',
      file: decide,
      rule: 'a release names the epoch that it ends',
    },
    from:
      "if (act.epoch !== claim.epoch) return refuse('epoch', `the claim here is " +
      '${wordsFor(claim)}, not epoch ${act.epoch}`);',
    to: '',
  },
  {
    ...{
      name: 'release-in-favour-of-another',
      file: decide,
      rule: 'a receipt names one successor',
    },
    from: 'if (claim.moveId !== act.moveId || claim.successor !== act.successor) {',
    to: 'if (claim.moveId !== act.moveId) {',
  },
  {
    ...{
      name: 'revoke-below-the-claim',
      file: decide,
      rule: 'a late revoke does not close a newer claim',
    },
    from:
      'if (claim !== null && act.epoch < claim.epoch) return refuseLower(claim, ' +
      'act.epoch);\n  if (fault',
    to: 'if (fault',
  },
  {
    ...{
      name: 'revoke-of-another-moves-epoch',
      file: decide,
      rule: 'a revoke undoes only the grant of its own move',
    },
    from:
      "if (claim !== null && act.epoch === claim.epoch && !isOwn) return refuse('move', " +
      '`epoch ${claim.epoch} belongs to move ${claim.moveId}`);',
    to: '',
  },
  {
    ...{ name: 'revoke-of-a-receipt', file: decide, rule: 'a receipt is not taken back' },
    from:
      "if (claim !== null && isOwn && (claim.state === 'releasing' || claim.state === " +
      "'released')) {",
    to: "if (claim !== null && isOwn && claim.state === 'releasing') {",
  },
  {
    ...{
      name: 'torn-claim-revoked-too-low',
      file: decide,
      rule: 'a torn claim is closed above all that shows',
    },
    from: "if (fault === 'torn' && act.epoch < seen)",
    to: "if (fault === 'torn' && act.epoch < 0)",
  },
  {
    ...{ name: 'wipe-of-the-owned-epoch', file: decide, rule: 'the files of an open claim stay' },
    from: 'if (claim !== null && isOpen && claim.epoch >= act.epoch) {',
    to: 'if (claim !== null && isOpen && claim.epoch > act.epoch) {',
  },
  {
    ...{
      name: 'wipe-of-an-older-epoch',
      file: decide,
      rule: 'a late wipe takes nothing from a newer owner',
    },
    from: 'if (claim !== null && isOpen && claim.epoch >= act.epoch) {',
    to: 'if (claim !== null && isOpen && claim.epoch === act.epoch) {',
  },
  {
    ...{
      name: 'stage-at-the-owned-epoch',
      file: decide,
      rule: 'files in use are not replaced by another move',
    },
    from: 'if (act.epoch <= claim.epoch) return refuseLower(claim, act.epoch);',
    to: 'if (act.epoch < claim.epoch) return refuseLower(claim, act.epoch);',
  },
  {
    ...{
      name: 'start-of-a-closed-claim',
      file: decide,
      rule: 'an operator starts only what is active',
    },
    from:
      "if (claim?.state !== 'active') return refuse('state', `the claim here is " +
      '${wordsFor(claim)}`);',
    to: 'if (claim === null) return null;',
  },
  {
    ...{
      name: 'act-on-a-faulty-claim',
      file: decide,
      rule: 'a claim that cannot be trusted opens nothing',
    },
    from:
      'if (fault !== null) return refuseFault(fault);\n  if (claim === null || ' +
      'claim.instanceId',
    to: 'if (claim === null || claim.instanceId',
  },
  {
    ...{ name: 'act-on-the-claim-of-a-clone', file: decide, rule: 'a clone acts on nothing' },
    from: 'if (claim === null || claim.instanceId === facts.instanceId) return null;',
    to: 'return null;',
  },
  {
    ...{ name: 'epoch-jumps', file: decide, rule: 'epochs go up by small steps' },
    from:
      'if (claim !== null && act.epoch > claim.epoch + epochJumpLimit) return ' +
      'refuseJump(claim, act.epoch);\n  if (claim?.state',
    to: 'if (claim?.state',
  },
  {
    ...{ name: 'older-serial', file: authority, rule: 'an older run is not obeyed' },
    from: 'if (stamp.serial < stored.serial) return refuse(',
    to:
      "if (stamp.serial < stored.serial) return { kind: 'accept', record: { ...stored, " +
      'serial: stamp.serial, nonce: stamp.nonce }, changed: true };\n  if (stamp.serial < ' +
      '0) return refuse(',
  },
  {
    ...{ name: 'serial-of-another-run', file: authority, rule: 'two runs do not share a serial' },
    from: 'if (stamp.nonce !== stored.nonce)',
    to: "if (stamp.nonce === '')",
  },
  {
    ...{
      name: 'other-authority',
      file: authority,
      rule: 'another ledger is obeyed only after a take-over',
    },
    from: 'if (stamp.takeOver !== true) return refuse(`this host obeys',
    to: 'if (stamp.takeOver === undefined) return refuse(`this host obeys',
  },
  {
    ...{
      name: 'late-take-over',
      file: authority,
      rule: 'a take-over by a former ledger needs a later serial',
    },
    from: 'if (stamp.serial <= last)',
    to: 'if (stamp.serial < 0)',
  },
  {
    ...{
      name: 'former-authorities-forgotten',
      file: authority,
      rule: 'a host remembers the serials of the ledgers that it left',
    },
    from: 'const former = { ...stored.former, [stored.id]: stored.serial };',
    to: 'const former = { ...stored.former };',
  },
  {
    ...{
      name: 'one-slot-for-all',
      file: slots,
      rule: 'a write never goes to the slot that holds the claim',
    },
    from: 'nextSlot: newestIsFirst ? 1 : 0',
    to: 'nextSlot: newestIsFirst ? 0 : 1',
  },
  {
    ...{
      name: 'damaged-slot-ignored',
      file: slots,
      rule: 'a damaged slot may have closed the gate',
    },
    from: "if (first.kind === 'torn' || second.kind === 'torn') return 'torn';",
    to: '',
  },
  {
    ...{ name: 'older-slot-believed', file: slots, rule: 'the newer slot counts' },
    from: "(second.kind !== 'sound' || first.sequence > second.sequence)",
    to: "(second.kind !== 'sound' || first.sequence < second.sequence)",
  },
  {
    ...{
      name: 'claim-not-synced',
      file: 'hostside/claims/claim-file.ts',
      rule: 'a claim is on disk before it counts',
    },
    from: 'writeFully(descriptor, slot, reading.nextSlot * slotBytes);\n    fsyncSync(descriptor);',
    to: 'writeFully(descriptor, slot, reading.nextSlot * slotBytes);',
  },
  {
    ...{
      name: 'grant-from-any-state',
      file: 'hostside/claims/decide-state.ts',
      rule: 'a grant starts from the state of the receipt',
    },
    from: 'expected === undefined || expected === found',
    to: "expected === undefined || expected !== ''",
  },
  {
    ...{
      name: 'state-replaced-in-use',
      file: 'hostside/claims/decide-state.ts',
      rule: 'the state of a running account is not replaced',
    },
    from: "if (claim?.state === 'active' || claim?.state === 'releasing')",
    to: "if (claim?.state === 'releasing')",
  },
];
