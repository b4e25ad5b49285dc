import { describe, expect, it } from 'vitest';
import { abortNeedsRevoke, isOpen, type MovePhase, mayFollow } from '../../src/moves/phases.ts';

const phases: MovePhase[] = ['planned', 'staged', 'released', 'granted', 'done', 'aborted'];

describe('phases of a move', () => {
  it.each([
    [true, ['planned>staged', 'planned>aborted', 'staged>released', 'staged>aborted', 'released>granted', 'granted>done']],
    [false, ['planned>staged', 'planned>aborted', 'staged>granted', 'staged>aborted', 'released>granted', 'granted>done']],
  ])('with an old owner: %s', (hasOldOwner, expected) => {
    const allowed = phases.flatMap((from) => phases.filter((to) => mayFollow(from, to, hasOldOwner)).map((to) => `${from}>${to}`));
    expect(allowed).toEqual(expected);
  });

  it('never grants before the release while there is an old owner, and never aborts after it', () => {
    expect(mayFollow('staged', 'granted', true)).toBe(false);
    expect(mayFollow('released', 'aborted', true)).toBe(false);
  });

  it('is open until done or aborted; only a staged move may have been granted unseen', () => {
    expect(phases.filter(isOpen)).toEqual(['planned', 'staged', 'released', 'granted']);
    expect(phases.filter(abortNeedsRevoke)).toEqual(['staged']);
  });
});
