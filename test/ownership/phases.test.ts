import { describe, expect, it } from 'vitest';
import { isOpen, type MovePhase, mayFollow, routeOf } from '../../src/ownership/phases.ts';

const phases: MovePhase[] = ['planned', 'staged', 'released', 'granted', 'done', 'aborted'];

describe('phases of a move', () => {
  it.each([
    [
      'first',
      ['planned>staged', 'planned>aborted', 'staged>granted', 'staged>aborted', 'granted>done'],
    ],
    [
      'change',
      [
        'planned>staged',
        'planned>aborted',
        'staged>released',
        'staged>aborted',
        'released>granted',
        'granted>done',
      ],
    ],
    ['detach', ['planned>released', 'planned>aborted', 'staged>aborted', 'released>done']],
  ] as const)('%s', (route, expected) => {
    const allowed = phases.flatMap((from) =>
      phases.filter((to) => mayFollow(route, from, to)).map((to) => `${from}>${to}`),
    );
    expect(allowed).toEqual(expected);
  });

  it.each([
    [null, 'h1', 'first'],
    ['h1', 'h2', 'change'],
    ['h1', 'detached', 'detach'],
  ] as const)('from %s to %s is %s', (from, to, route) => {
    expect(routeOf(from, to)).toBe(route);
  });

  it('is open until done or aborted', () => {
    expect(phases.filter(isOpen)).toEqual(['planned', 'staged', 'released', 'granted']);
  });
});
