import type { Mutant } from './mutant.ts';

const roster = 'hostside/claims/roster.ts';
const contact = 'hostside/helper/contact.ts';
const hold = 'hostside/hold/decide.ts';
const marks = 'hostside/claims/boot-marks.ts';
const holdOf = 'hostside/protocol/hold-of.ts';
const journal = 'src/ownership/roster.ts';

/** What a contact closes, what it frees, and what a boot holds. */
export const contactMutants: readonly Mutant[] = [
  {
    ...{
      name: 'heartbeat-knows-no-contact',
      file: hold,
      rule: 'a contact that is older than the last heartbeat knew counts for nothing',
    },
    from: 'if (contact === null || known === undefined) return false;',
    to: 'return false;',
  },
  {
    ...{
      name: 'claim-from-before-its-mark',
      file: marks,
      rule: 'what this boot has closed stays closed, whatever its file says',
    },
    from: 'return epoch < mark.epoch || (epoch === mark.epoch && !mark.isOpen);',
    to: 'return false;',
  },
  {
    ...{ name: 'closure-by-one', file: roster, rule: 'what is over at an epoch is closed at it' },
    from: 'claim.epoch > gone.epoch) return null;',
    to: 'claim.epoch >= gone.epoch) return null;',
  },
  {
    ...{
      name: 'closure-of-newer-claims',
      file: roster,
      rule: 'a roster closes nothing above what is over',
    },
    from: 'fault !== null || claim.epoch > gone.epoch) return null;',
    to: 'fault !== null) return null;',
  },
  {
    ...{
      name: 'closure-without-releases',
      file: roster,
      rule: 'a release that nobody ends is closed, too',
    },
    from: "if (claim.state !== 'active' && claim.state !== 'releasing') return null;",
    to: "if (claim.state !== 'active') return null;",
  },
  {
    ...{
      name: 'closure-below-what-is-over',
      file: roster,
      rule: 'a late grant of what is over is refused',
    },
    from: 'epoch: Math.min(gone.epoch, claim.epoch + epochJumpLimit),',
    to: 'epoch: claim.epoch,',
  },
  {
    ...{
      name: 'contact-frees-what-is-held',
      file: roster,
      rule: 'a contact frees nothing that this boot holds',
    },
    from:
      '(listed) => !held.some(({ claim }) => claim.keyId === listed.keyId && claim.epoch ' +
      '=== listed.epoch)',
    to: '(listed) => held.length >= 0 || listed.epoch === 0',
  },
  {
    ...{
      name: 'contact-of-another-epoch',
      file: roster,
      rule: 'a contact counts for the claim that it lists',
    },
    from:
      'listed.keyId === claim.keyId && listed.epoch === claim.epoch && listed.moveId === ' +
      'claim.moveId;',
    to: 'listed.keyId === claim.keyId;',
  },
  {
    ...{
      name: 'older-roster',
      file: roster,
      rule: 'an older roster of the same run changes nothing',
    },
    from: 'stored.revision > revision;',
    to: 'stored.revision < 0 && revision > 0;',
  },
  {
    ...{
      name: 'closed-but-not-stopped',
      file: contact,
      rule: 'what a contact has closed is stopped before the contact counts',
    },
    from: 'const what = await endRevoked(world, keyId);',
    to: 'const what = keyId === world.bootId ? await endRevoked(world, keyId) : null;',
  },
  {
    ...{
      name: 'contact-in-spite-of-a-fault',
      file: contact,
      rule: 'no contact before everything that is over is stopped',
    },
    from: "return what === null ? null : { code: 'not-stopped' as const, message: what };",
    to: "return what === world.bootId ? { code: 'not-stopped' as const, message: what } : null;",
  },
  {
    ...{
      name: 'hold-not-kept-at-contact',
      file: contact,
      rule: 'what this boot holds outlives it',
    },
    from: 'if (isJudged && hold !== null) markHeld(places, claim.keyId, bootId);',
    to: 'if (isJudged && hold === bootId) markHeld(places, claim.keyId, bootId);',
  },
  {
    ...{
      name: 'contact-after-its-deadline',
      file: contact,
      rule: 'a request that was held up is no contact',
    },
    from: 'if (world.elapsedMs() >= stamp.deadlineMs) return pastDeadline;\n    keepMachine(',
    to: 'keepMachine(',
  },
  {
    ...{
      name: 'contact-by-the-later-clock',
      file: contact,
      rule: 'the earlier of both clocks counts',
    },
    from: 'wallMs: Math.min(Date.now(), offer.sentAtMs)',
    to: 'wallMs: Math.max(Date.now(), offer.sentAtMs)',
  },
  {
    ...{
      name: 'contact-of-a-replaced-run',
      file: contact,
      rule: 'a run that was replaced is no contact',
    },
    from: 'if (!isAuthority(places, stamp)) return superseded;\n    if (isOlderRoster',
    to: 'if (isOlderRoster',
  },
  {
    ...{ name: 'hold-forgotten-by-the-next-boot', file: hold, rule: 'what a boot held stays held' },
    from:
      "if (claim.heldSince !== undefined) return 'an earlier boot held claims, and no grant " +
      "has ended that';",
    to: '',
  },
  {
    ...{
      name: 'boot-of-claims-not-listed',
      file: hold,
      rule: 'a contact frees only the claims that it lists',
    },
    from: 'if (contact !== null && !isContacted(contact, claim))',
    to: 'if (contact === null && !isContacted({ claims: [] }, claim))',
  },
  {
    ...{ name: 'boot-of-a-clone', file: hold, rule: 'a clone holds everything' },
    from: 'if (claim.instanceId !== instanceId) return',
    to: "if (claim.instanceId === '') return",
  },
  {
    ...{
      name: 'boot-after-a-contact-in-it',
      file: hold,
      rule: 'a contact before the verdict does not look like a fresh one',
    },
    from: 'if (contact.bootId === bootId)\n    return [',
    to: "if (contact.bootId === '')\n    return [",
  },
  {
    ...{
      name: 'boot-by-a-clock-that-went-back',
      file: hold,
      rule: 'a clock behind the last contact holds',
    },
    from: 'if (wallMs < contact.wallMs) return [`',
    to: 'if (wallMs < 0) return [`',
  },
  {
    ...{
      name: 'boot-long-after-the-contact',
      file: hold,
      rule: 'a boot long after the last contact holds',
    },
    from: 'if (ageMs <= contact.holdAfterMs) return [];',
    to: 'if (ageMs <= 2 * contact.holdAfterMs) return [];',
  },
  {
    ...{
      name: 'hold-not-written',
      file: 'hostside/hold/judge-boot.ts',
      rule: 'a hold is written into the claim',
    },
    from: 'if (isHeld) await keepHeld(places, keyId, bootId);',
    to: 'if (isHeld && keyId === bootId) await keepHeld(places, keyId, bootId);',
  },
  {
    ...{
      name: 'hold-without-its-mark',
      file: holdOf,
      rule: 'a held claim starts nothing in any boot',
    },
    from:
      "if (claim.heldSince !== undefined) return 'held since a boot, until the operator " +
      "grants it anew';",
    to: '',
  },
  {
    ...{
      name: 'hold-of-claims-that-came-later',
      file: holdOf,
      rule: 'a claim that the boot did not judge is held',
    },
    from: 'if (judged === undefined)',
    to: 'if (judged === undefined && claim.epoch === 0)',
  },
  {
    ...{ name: 'gone-one-too-low', file: journal, rule: 'what was owned right before is over' },
    from: 'for (const { keyId, epoch } of placements) end(keyId, epoch - 1);',
    to: 'for (const { keyId, epoch } of placements) end(keyId, epoch - 2);',
  },
  {
    ...{
      name: 'gone-without-former-owners',
      file: journal,
      rule: 'what was moved or failed over is over',
    },
    from: 'for (const { keyId, epoch } of placements) end(keyId, epoch - 1);',
    to: '',
  },
  {
    ...{
      name: 'gone-without-exports',
      file: journal,
      rule: 'what was exported or removed is over',
    },
    from: 'for (const { keyId, epoch } of givenUp) end(keyId, epoch);',
    to: '',
  },
  {
    ...{
      name: 'owned-after-its-receipt',
      file: journal,
      rule: 'a host owns nothing that it has given a receipt for',
    },
    from:
      'const hasLetGo = (keyId: string): boolean => released.some((move) => move.keyId === ' +
      'keyId);',
    to:
      'const hasLetGo = (keyId: string): boolean => released.some((move) => move.keyId === ' +
      '`not ${keyId}`);',
  },
  {
    ...{
      name: 'nothing-arrives',
      file: journal,
      rule: 'an account on its way survives a reboot of its new host',
    },
    from: "to === host && phase !== 'planned')",
    to: "to === host && phase === 'planned')",
  },
  {
    ...{
      name: 'gone-without-the-unowned',
      file: journal,
      rule: 'who owned it before an owner that has lost it owns nothing',
    },
    from: 'for (const { keyId, epoch } of unowned) end(keyId, epoch - 1);',
    to: '',
  },
  {
    ...{
      name: 'adoption-with-a-roster',
      file: 'src/workflows/custody/adopt.ts',
      rule: 'a ledger that is to be put right closes nothing',
    },
    from: "[{ act: 'survey' }], { takeOver, withoutRoster: true });",
    to: "[{ act: 'survey' }], { takeOver });",
  },
  {
    ...{
      name: 'contact-without-a-roster',
      file: 'src/workflows/hosts/ask-as-authority.ts',
      rule: 'every contact carries the roster',
    },
    from: '...(withoutRoster ? {} : { contact: await offerContact(context, run, host, atMs) })',
    to:
      '...(withoutRoster || acts.length > 0 ? {} : { contact: await offerContact(context, ' +
      'run, host, atMs) })',
  },
  {
    ...{
      name: 'leftovers-of-a-grant-stay',
      file: contact,
      rule: 'copies of a session that a cut-off grant left go with the next contact',
    },
    from: 'await removeLeftovers(world, stamp);',
    to: '',
  },
];
