import type { Mutant } from './mutant.ts';

const carry = 'src/workflows/moves/carry-move.ts';
const grants = 'src/workflows/ownership/grant.ts';
const failover = 'src/workflows/moves/failover.ts';
const survey = 'src/workflows/ownership/survey.ts';
const statement = 'src/workflows/ownership/host-statement.ts';
const detach = 'src/workflows/accounts/detach-account.ts';
const hosts = 'src/ledger/queries/hosts.ts';

/** The order of acts and records on the operator's side. */
export const workflowsMutants: readonly Mutant[] = [
  {
    ...{
      name: 'granted-before-the-grant',
      file: carry,
      rule: 'the journal says granted after the host did',
    },
    from:
      'const [refused] = lost === null ? await this.#place(state) : [lost];\n        if ' +
      '(refused === undefined) break;',
    to:
      'if (lost === null) this.#move = await recordGrant(this.#context, this.#move);\n      ' +
      'const [refused] = lost === null ? await this.#place(state) : [lost];\n        if ' +
      '(refused === undefined) break;',
  },
  {
    ...{
      name: 'grant-before-the-old-owner-is-seen',
      file: carry,
      rule: 'the old owner is looked at before the grant',
    },
    from: 'const settled = this.#settle(state, () => this.#lookAtOldOwner(state));',
    to: 'const settled = this.#settle(state, async () => undefined);',
  },
  {
    ...{
      name: 'grant-before-the-floor',
      file: carry,
      rule: 'nobody connects before the floor after the release',
    },
    from: 'const settled = this.#settle(state, () => this.#lookAtOldOwner(state));',
    to: 'const settled = this.#lookAtOldOwner(state);',
  },
  {
    ...{
      name: 'turned-without-a-revoke',
      file: carry,
      rule: 'a target is closed before the account goes back',
    },
    from:
      'if (!isLost) await revokeAtTarget(this.#context, this.#hosts, this.#move);\n    ' +
      'const reason',
    to: 'const reason',
  },
  {
    ...{ name: 'turned-at-the-same-epoch', file: carry, rule: 'the way back has a higher epoch' },
    from: 'const back = { host: from_host, epoch: epoch + 1, decisionJson };',
    to: 'const back = { host: from_host, epoch, decisionJson };',
  },
  {
    ...{ name: 'turned-again-and-again', file: carry, rule: 'an account goes back once' },
    from: 'if (decision.isBack || from_host === null) throw refused;',
    to: 'if (from_host === null) throw refused;',
  },
  {
    ...{ name: 'aborted-without-a-revoke', file: carry, rule: 'an aborted move closes its target' },
    from:
      'if (!isOver) throw problem;\n    await revokeAtTarget(this.#context, this.#hosts, ' +
      'this.#move);',
    to: 'if (!isOver) throw problem;',
  },
  {
    ...{
      name: 'aborted-although-releasing',
      file: carry,
      rule: 'a move that has closed the gate can only go on',
    },
    from: '&& !isReleasing(reply?.claim, this.#move.id);\n    if (!isOver)',
    to: ';\n    if (!isOver)',
  },
  {
    ...{
      name: 'files-over-an-unknown-owner',
      file: carry,
      rule: 'a target that owned the account later takes no files',
    },
    from:
      'if (hasOwnedLater(claim, { moveId: move.id, epoch: readDecision(move).fromEpoch })) ' +
      'throw unknownOwner(move, claim?.epoch ?? 0);',
    to: '',
  },
  {
    ...{
      name: 'state-not-that-of-the-receipt',
      file: 'src/workflows/ownership/carry-state.ts',
      rule: 'the state is that of the receipt',
    },
    from: 'if (!fits(archive, stateHash))',
    to: "if (stateHash === 'none' && !fits(archive, stateHash))",
  },
  {
    ...{
      name: 'state-not-kept',
      file: 'src/workflows/ownership/carry-state.ts',
      rule: 'the last state is kept before the journal says released',
    },
    from: '  await context.states.put(record);\n  return record;',
    to: '  return record;',
  },
  {
    ...{
      name: 'granted-without-a-survey',
      file: grants,
      rule: 'a first grant asks every known host',
    },
    from: "else if (verdict.kind === 'clear' || verdict.kind === 'granted') clear.push(move);",
    to: "else if (verdict.kind !== 'raise') clear.push(move);",
  },
  {
    ...{
      name: 'statements-not-verified',
      file: grants,
      rule: 'whoever grants verifies what is said of hosts',
    },
    from: 'const { evidence, doubts } = await reverifyOff(this.#context, asked.evidence);',
    to:
      'const { evidence, doubts } = { evidence: asked.evidence, doubts: (await ' +
      'reverifyOff(this.#context, [])).doubts };',
  },
  {
    ...{
      name: 'lost-host-without-a-floor',
      file: grants,
      rule: 'nothing starts while Telegram may count a lost host',
    },
    from: '    await passLostHostFloor(context, staged);\n',
    to: '',
  },
  {
    ...{
      name: 'staged-not-journaled',
      file: grants,
      rule: 'a phase is on disk before the next act',
    },
    from: "staged.push(await this.#advance(move, 'staged'));",
    to: "staged.push({ ...move, phase: 'staged' });",
  },
  {
    ...{
      name: 'fence-believed-once',
      file: statement,
      rule: 'a fence is asked again right before the grant',
    },
    from: "if (row.off_kind === 'fenced') return doubtOfFence(context, name);",
    to: "if (row.off_kind === 'fenced') return null;",
  },
  {
    ...{
      name: 'off-believed-for-ever',
      file: statement,
      rule: '"switched off" is held against the safe moment at each grant',
    },
    from: 'if (nowMs >= safeMomentOf(context, row, nowMs)) return null;',
    to: 'if (nowMs >= 0) return null;',
  },
  {
    ...{
      name: 'failover-of-a-host-that-was-heard',
      file: statement,
      rule: 'a failover begins only if its host was not heard since',
    },
    from:
      'if (row !== undefined && row.contacts === mark.contacts && row.last_seen_at === ' +
      'mark.last_seen_at) return row;',
    to: 'if (row !== undefined) return row;',
  },
  {
    ...{
      name: 'failover-of-a-host-that-answers',
      file: failover,
      rule: 'a host that answers is not off',
    },
    from: '  await refuseIfAnswering(context, name, rows);\n',
    to: '',
  },
  {
    ...{
      name: 'failover-at-a-used-epoch',
      file: failover,
      rule: 'a failover goes above all epochs that were used',
    },
    from: 'if (isHalted(move, plan.host)) await raiseEpoch(transaction, move.key_id, move.epoch);',
    to: '',
  },
  {
    ...{
      name: 'failover-leaves-what-was-arriving',
      file: failover,
      rule: 'a lost host keeps no account on its way',
    },
    from: "to_host === name && (phase === 'granted' ||",
    to: "to_host === name && from_host !== null && (phase === 'granted' ||",
  },
  {
    ...{
      name: 'off-stands-during-contact',
      file: hosts,
      rule: 'what is said of a host ends before anything is sent to it',
    },
    from: 'contacts: sql<number>`contacts + 1`,\n        off_at: null,',
    to: 'contacts: sql<number>`contacts + 1`,',
  },
  {
    ...{
      name: 'contact-not-noted',
      file: hosts,
      rule: 'the contact is on disk before the request leaves',
    },
    // Both tell from when the host may boot and run: without one of them the other one still does.
    from:
      "contact_intent_at: laterOf(eb, 'contact_intent_at', value('nowMs')), " +
      "may_boot_until: laterOf(eb, 'may_boot_until', value('mayBootUntilMs')),",
    to: '',
  },
  {
    ...{
      name: 'off-hosts-contacted-first',
      file: survey,
      rule: 'a host that counts as off is only looked at first',
    },
    from: 'if (off.has(host.name)) {',
    to: 'if (off.has(`not ${host.name}`)) {',
  },
  {
    ...{
      name: 'refused-stamp-believed',
      file: survey,
      rule: 'a host that refuses the stamp is unfenced',
    },
    from: 'isUnfenced: unfenced.has(name),',
    to: 'isUnfenced: false,',
  },
  {
    ...{
      name: 'inventory-decides-who-is-asked',
      file: survey,
      rule: 'a host of the ledger that is not in the inventory is silent',
    },
    from: 'const evidence = rows.map(({ name }) => ({',
    to:
      'const evidence = rows.filter(({ name }) => inventory.hosts.some((host) => host.name ' +
      '=== name)).map(({ name }) => ({',
  },
  {
    ...{
      name: 'export-before-the-release',
      file: detach,
      rule: 'a session is used outside only after its host gave it up',
    },
    from:
      '  await detach(context, run, account);\n  await requireGivenUp(context, account);\n  ' +
      'const { session, apiId }',
    to: '  const { session, apiId }',
  },
  {
    ...{
      name: 'removal-leaves-its-files',
      file: detach,
      rule: 'a removal takes the session from its host',
    },
    from: 'if (!isGone) await actOnOwner(',
    to: 'if (isGone) await actOnOwner(',
  },
  {
    ...{
      name: 'plan-not-looked-at-again',
      file: 'src/workflows/moves/allocate.ts',
      rule: 'what another command has placed is not placed again',
    },
    from: 'if (row === undefined || busy.has(account)) return false;',
    to: 'if (row !== undefined || busy.has(account)) return true;',
  },
  {
    ...{
      name: 'old-copy-acts',
      file: 'src/ledger/queries/runs.ts',
      rule: 'an old copy of the ledger may only look',
    },
    from: 'if (reason !== null) throw staleError(reason);',
    to: "if (reason === '') throw staleError(reason);",
  },
  {
    ...{
      name: 'old-copy-is-not-remembered',
      file: 'src/workflows/hosts/refuse-old-copy.ts',
      rule: 'an old copy is known as one for good',
    },
    from: '  await markStale(ledger.db, reason);\n',
    to: '',
  },
  {
    ...{
      name: 'twin-runs',
      file: 'src/workflows/hosts/refuse-old-copy.ts',
      rule: 'two copies that took one serial are noticed',
    },
    from: 'const isTwin = heard.serial === run.serial;',
    to: 'const isTwin = heard.serial < 0;',
  },
  {
    ...{
      name: 'adoption-below-what-was-heard',
      file: 'src/ledger/queries/runs.ts',
      rule: 'an adoption speaks later than all that hosts have heard',
    },
    from: 'const next = Math.max(last, above, kept ?? 0) + 1;',
    to: 'const next = Math.max(last, kept ?? 0) + 1;',
  },
  {
    ...{
      name: 'phase-of-another-run',
      file: 'src/ledger/queries/moves.ts',
      rule: 'a move that another run has changed is left alone',
    },
    from: ".where('phase', 'in', [value('before'), value('phase')])",
    to: '',
  },
  {
    ...{ name: 'epoch-falls', file: 'src/ledger/queries/accounts.ts', rule: 'epochs never fall' },
    from: ".doUpdateSet({ epoch }).where('epochs.epoch', '<', epoch))",
    to: '.doUpdateSet({ epoch }))',
  },
  {
    ...{
      name: 'statements-outlive-an-adoption',
      file: hosts,
      rule: 'an old ledger believes nothing about lost hosts',
    },
    from: '...{ off_at: null, off_kind: null, destroyed_at: null, contact_intent_at: nowMs },',
    to: 'contact_intent_at: nowMs,',
  },
  {
    ...{
      name: 'target-lost-while-it-answers',
      file: 'src/workflows/ownership/lost-target.ts',
      rule: 'a target that answers is not lost',
    },
    from: 'if (answers || (await doubtOf(context, to_host, row)) !== null) return null;',
    to: 'if (answers && (await doubtOf(context, to_host, row)) !== null) return null;',
  },
  {
    ...{
      name: 'wipe-before-online',
      file: 'src/workflows/moves/finish-move.ts',
      rule: 'old files go when the new owner is online',
    },
    from: "const isWell = state === 'online' || readDecision(move).idle;",
    to: "const isWell = state !== 'online' || readDecision(move).idle;",
  },
  {
    ...{
      name: 'arrived-without-a-claim',
      file: 'src/workflows/ownership/know-target.ts',
      rule: 'a move is done where its target holds its grant, and nowhere else',
    },
    from: "return found?.claimFault === null && state === 'active' && isOfMove;",
    to: "return found?.claimFault !== 'torn' || (state === 'active' && isOfMove);",
  },
  {
    ...{
      name: 'old-programs-take-requests',
      file: 'src/workflows/hosts/ask-as-authority.ts',
      rule: 'programs of the release before refuse every request with authority',
    },
    from: 'const request = { format: 2, authority,',
    to: 'const request = { format: 1, authority,',
  },
  {
    ...{
      name: 'old-worker-counts-as-one-of-today',
      file: 'src/facts/seen-linger.ts',
      rule: 'a worker of the release before is counted by Telegram for longer',
    },
    from: '!== undefined ? 0 : formerLingerMs',
    to: '!== undefined ? 0 : 0',
  },
  {
    ...{
      name: 'unseen-worker-counts-as-one-of-today',
      file: 'src/facts/seen-linger.ts',
      rule: 'what no sample shows to be of today counts as of the release before',
    },
    from: 'if ((agent?.helperProtocol ?? 1) < protocolVersion) return formerLingerMs;',
    to: '',
  },
  {
    ...{
      name: 'old-units-not-stopped',
      file: 'src/workflows/ownership/retire-claims.ts',
      rule: 'what a host of the release before would start although it is gone is stopped',
    },
    from: 'return claims.length === 0 ? [] : [[host, claims] as const];',
    to: 'return claims.length >= 0 ? [] : [[host, claims] as const];',
  },
  {
    ...{
      name: 'old-units-of-a-destroyed-host-not-stopped',
      file: 'src/workflows/ownership/meet-destroyed.ts',
      rule: 'what a host of the release before would start although it is gone is stopped',
    },
    from: 'return claims.length === 0 ? problem :',
    to: 'return claims.length >= 0 ? problem :',
  },
];
