import { isGuardedUnit } from './guard.ts';
import { type Step, shellWords } from './step.ts';

/**
 * Units that have to be enabled and really active; one whose settings changed is restarted.
 * `readers` are restarted only where they run.
 * What could cut the way in by starting is stopped again unless a fresh connection confirms (event
 * `confirm`).
 */
export function servicesStep(units: readonly string[], readers: readonly string[]): Step {
  const wants = [
    ...units.map((unit) => ({
      unit,
      want: 'want_running',
      put: isGuardedUnit(unit) ? 'put_running_guarded' : 'put_running',
    })),
    ...readers.map((unit) => ({ unit, want: 'want_restarted', put: 'put_restarted' })),
  ].map(({ unit, want, put }) => ({
    unit: shellWords([unit]),
    want: `${want} ${shellWords([unit])}`,
    put: `${put} ${shellWords([unit])}`,
  }));
  return {
    id: 'services',
    title:
      'services ' +
      `(${[...units, ...readers].map((unit) => unit.replace(/\.service$/, '')).join(', ')})`,
    after: ['packages'],
    looksAt: { units: [...units, ...readers] },
    check: wants.map(({ want }) => want).join('; '),
    apply: wants
      .map(
        ({ unit, want, put }) =>
          `[[ $FAIL_CODE ]] || { gather_units ${unit}; P=(); ${want}; (( \${#P[@]} )) && ${put}; }`,
      )
      .join('\n  '),
  };
}
