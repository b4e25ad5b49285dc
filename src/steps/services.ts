import { type Step, shellWords } from './step.ts';

/** Units that have to be enabled and really active; one whose settings changed is restarted. */
export function servicesStep(units: readonly string[]): Step {
  return {
    id: 'services',
    title: `services (${units.map((unit) => unit.replace(/\.service$/, '')).join(', ')})`,
    after: ['packages'],
    looksAt: { units },
    check: units.map((unit) => `want_running ${shellWords([unit])}`).join('; '),
    apply: units
      .map(
        (unit) =>
          `[[ $FAIL_CODE ]] || { gather_units; P=(); want_running ${shellWords([unit])}; (( \${#P[@]} )) && put_running ${shellWords([unit])}; }`,
      )
      .join('\n  '),
  };
}
