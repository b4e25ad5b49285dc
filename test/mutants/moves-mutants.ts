import type { Mutant } from './mutant.ts';

const evidence = 'src/ownership/evidence.ts';
const oldOwner = 'src/ownership/old-owner.ts';
const adoptClaims = 'src/ownership/adopt-claims.ts';
const planAdoption = 'src/ownership/plan-adoption.ts';

/** What the operator's side decides about moves and claims. */
export const movesMutants: readonly Mutant[] = [
  {
    ...{
      name: 'evidence-of-other-keys',
      file: evidence,
      rule: 'an open claim of the account by another key is an owner',
    },
    from: 'keyId !== intent.keyId &&',
    to: 'keyId === null &&',
  },
  {
    ...{
      name: 'session-of-another-key',
      file: 'src/vault/stored-session.ts',
      rule: 'a host is given the session of the key that its claim names',
    },
    from: 'if (stored.session.keyId === keyId) return stored;',
    to: 'return stored;',
  },
  {
    ...{
      name: 'destroyed-host-not-tried',
      file: 'src/workflows/accounts/detach-account.ts',
      rule: 'a host that answers gives up its account itself, whatever was said of it',
    },
    from: 'return remoteFor(host)\n    .connect()\n    .then(\n      () => false,',
    to: 'return remoteFor(host)\n    .connect()\n    .then(\n      () => true,',
  },
  {
    ...{
      name: 'evidence-without-claims',
      file: evidence,
      rule: 'an open claim elsewhere is an owner',
    },
    from: "else if (claim !== null && (claim.state === 'active' || claim.state === 'releasing')) {",
    to: "else if (claim !== null && claim.state === 'releasing') {",
  },
  {
    ...{
      name: 'evidence-without-releases',
      file: evidence,
      rule: 'an owner that has not let go is an owner',
    },
    from: "else if (claim !== null && (claim.state === 'active' || claim.state === 'releasing')) {",
    to: "else if (claim !== null && claim.state === 'active') {",
  },
  {
    ...{
      name: 'evidence-without-processes',
      file: evidence,
      rule: 'a process without a claim is an owner',
    },
    from: "} else if (account.processes > 0 || account.unit === 'active'",
    to: "} else if (account.processes < 0 || account.unit === 'active'",
  },
  {
    ...{
      name: 'evidence-without-faults',
      file: evidence,
      rule: 'a claim that cannot be read is an owner',
    },
    from: 'if (claimFault !== null)\n      return {',
    to: "if (claimFault === 'unreadable')\n      return {",
  },
  {
    ...{
      name: 'evidence-of-a-held-claim-as-granted',
      file: evidence,
      rule: 'a boot that holds needs a higher epoch',
    },
    from: 'claim.moveId === intent.moveId && !isHeldHere;',
    to: 'claim.moveId === intent.moveId;',
  },
  {
    ...{
      name: 'evidence-seen-by-one',
      file: evidence,
      rule: 'a grant goes above every epoch that was seen',
    },
    from: 'return seen >= intent.epoch ?',
    to: 'return seen > intent.epoch ?',
  },
  {
    ...{
      name: 'evidence-with-silent-hosts',
      file: evidence,
      rule: 'a silent host is a possible owner',
    },
    from: '(survey === null && isOff !== true) || isUnfenced === true)\n    .map',
    to: 'survey !== null && isUnfenced === true)\n    .map',
  },
  {
    ...{
      name: 'evidence-with-unfenced-hosts',
      file: evidence,
      rule: 'a host that refuses the stamp may be given the account next',
    },
    from: '(survey === null && isOff !== true) || isUnfenced === true)\n    .map',
    to: 'survey === null && isOff !== true)\n    .map',
  },
  {
    ...{
      name: 'evidence-without-limits',
      file: evidence,
      rule: 'a host that lies about an epoch poisons nothing',
    },
    from:
      "if (claim.epoch > intent.epoch + epochJumpLimit) return { kind: 'poisoned', host, " +
      'epoch: claim.epoch };',
    to: '',
  },
  {
    ...{
      name: 'old-owner-with-processes',
      file: oldOwner,
      rule: 'the old owner is looked at before the grant',
    },
    from:
      "if (processes > 0 || (unit !== 'inactive' && unit !== 'failed')) return `its unit is " +
      '${unit} with ${processes} processes`;',
    to: '',
  },
  {
    ...{
      name: 'receipt-of-another-move',
      file: oldOwner,
      rule: 'only the receipt of this very move lets it go on',
    },
    from:
      "const isReceipt = claim.state === 'released' && claim.epoch === epoch && " +
      'claim.moveId === moveId;',
    to: "const isReceipt = claim.state !== 'releasing';",
  },
  {
    ...{
      name: 'owner-that-is-not-known',
      file: oldOwner,
      rule: 'a target that owned the account later takes no files',
    },
    from: "claim.state !== 'revoked' && claim.epoch > epoch && claim.moveId !== moveId;",
    to: "claim.state !== 'revoked' && claim.epoch < 0 && claim.moveId !== moveId;",
  },
  {
    ...{
      name: 'move-back-for-any-reason',
      file: oldOwner,
      rule: 'an account with troubles of its own stays where it is',
    },
    from: "['gate', 'stopped', 'starting', 'offline', 'stopping'].includes(awaited)",
    to: "awaited !== 'online'",
  },
  {
    ...{
      name: 'abort-after-the-release',
      file: 'src/workflows/moves/failover.ts',
      rule: 'a move that has its receipt is not dropped with its old host',
    },
    from: "move.phase === 'planned' || (move.phase === 'staged' && move.from_host === name) ||",
    to: "move.phase === 'planned' || (move.phase !== 'granted' && move.from_host === name) ||",
  },
  {
    ...{
      name: 'safe-at-once',
      file: 'src/ownership/safe-moment.ts',
      rule: '"switched off" is believed only after hold.after',
    },
    from: 'contactMs + holdAfterMs, mayBootUntilMs ?? 0) + marginMs;',
    to: 'contactMs, 0) + marginMs;',
  },
  {
    ...{
      name: 'safe-without-margin',
      file: 'src/ownership/safe-moment.ts',
      rule: 'a request may arrive long after its intent',
    },
    from: 'mayBootUntilMs ?? 0) + marginMs;',
    to: 'mayBootUntilMs ?? 0);',
  },
  {
    ...{
      name: 'orphans-of-an-owner',
      file: 'src/ownership/orphans.ts',
      rule: 'files in use are no orphans',
    },
    from: '.filter((epoch) => claim?.epoch !== epoch || isOver(claim, host, settled.get(keyId)))',
    to: '.filter((epoch) => claim === null || claim.epoch >= epoch)',
  },
  {
    ...{ name: 'adopt-the-lowest', file: adoptClaims, rule: 'the highest epoch counts' },
    from: 'claim.epoch === Math.max(...standing.map((each) => each.claim.epoch))',
    to: 'claim.epoch === Math.min(...standing.map((each) => each.claim.epoch))',
  },
  {
    ...{
      name: 'adopt-one-of-two',
      file: adoptClaims,
      rule: 'of two owners at one epoch none is guessed',
    },
    from: 'if (rivals.length > 1) return conflict(',
    to: 'if (rivals.length > 2) return conflict(',
  },
  {
    ...{ name: 'adopt-a-clone', file: adoptClaims, rule: 'a clone owns nothing' },
    from: 'if (isForeign(top)) return {',
    to: "if (isForeign(top) && claim.instanceId === '') return {",
  },
  {
    ...{
      name: 'adopt-below-the-ledger',
      file: planAdoption,
      rule: 'an owner that is silent is not replaced by an older one',
    },
    from:
      'if (ledger?.host && (ledger.epoch ?? 0) > epoch) return newerInLedger(known, ' +
      'ledger.host, truth, facts);',
    to: '',
  },
  {
    ...{
      name: 'adopt-what-was-exported',
      file: planAdoption,
      rule: 'an account that left the fleet is not startable',
    },
    from: 'const isNews = facts.isOld && ledger?.isDetached === false;',
    to: 'const isNews = false;',
  },
  {
    ...{
      name: 'adopt-an-earlier-owner',
      file: planAdoption,
      rule: 'what a former owner says is no news about an account that left',
    },
    from:
      "if (ledger?.host === null && ledger.highest > (truth.kind === 'detached' ? " +
      "truth.highest : epoch))\n    return { adopted: same(known, ''), found: [], problems: " +
      '[] };',
    to: '',
  },
  {
    ...{
      name: 'torn-at-the-same-epoch',
      file: planAdoption,
      rule: 'a torn claim is closed above every epoch that was used',
    },
    from:
      'const next = Math.max(epoch, ledger?.epoch ?? 0, rest === null ? 0 : ' +
      'epochAtMost(rest)) + 1;',
    to: 'const next = Math.max(epoch, ledger?.epoch ?? 0, rest === null ? 0 : epochAtMost(rest));',
  },
  {
    ...{
      name: 'stranded-move-stays-open',
      file: planAdoption,
      rule: 'a move that nobody can give a state any more is over',
    },
    from: 'freed.has(move.keyId) || isStranded(move)',
    to: 'freed.has(move.keyId)',
  },
  {
    ...{
      name: 'carried-move-is-freed',
      file: planAdoption,
      rule: 'a released move whose state is kept goes on',
    },
    from: 'if (move === undefined || ledger?.host !== move.released?.from) return false;',
    to: 'if (move === undefined || ledger?.host !== null) return false;',
  },
  {
    ...{
      name: 'revoked-elsewhere-counts',
      file: adoptClaims,
      rule: 'what an aborted move left revoked was given to nobody',
    },
    from: "truth.claim.state === 'released' && truth.claim.epoch < epoch",
    to: "truth.claim.state === 'released' && truth.highest < epoch",
  },
];
