import { quoteShell } from '../remote/shared/shell-command.ts';
import type { Profile } from './profile.ts';
import { filesStep, type Step, shellWords } from './step.ts';

type OwnUser = Profile['users'][number];

/**
 * Users of the operator's profile. A user that is there keeps home and further groups; missing
 * groups are added, none is taken away.
 */
export function usersStep(users: readonly OwnUser[]): Step {
  const each = users.map(({ name, system, home, shell, groups }) => ({
    want: `want_login ${shellWords([name, home ?? '', shell, ...groups])}`,
    put: `put_login ${shellWords([name, system ? 'system' : '', home ?? '', shell, ...groups])}`,
  }));
  return {
    id: 'users',
    title: `users (${users.map(({ name }) => name).join(', ')})`,
    // Packages make groups.
    after: ['packages'],
    looksAt: {},
    check: each.map(({ want }) => want).join('; '),
    apply: each.map(({ put }) => `[[ $FAIL_CODE ]] || ${put}`).join('\n  '),
  };
}

type OwnUnit = Profile['units'][number];

const unitName = ({ source }: OwnUnit): string => source.split('/').at(-1) ?? source;

/**
 * Units of the operator's own, in /etc/systemd/system; a changed one is restarted where it runs.
 */
export function ownUnitsStep(
  units: readonly OwnUnit[],
  sources: Readonly<Record<string, string>>,
): Step {
  const files = units.map((unit) => ({
    path: `/etc/systemd/system/${unitName(unit)}`,
    text: sources[unit.source] ?? '',
    mode: '644',
    owner: 'root:root',
    owes: `restart.${unitName(unit)}`,
  }));
  return filesStep('own-units', `units of the profile (${units.map(unitName).join(', ')})`, files);
}

/**
 * Those of them that have to be enabled and active: all but templates and those that say `start:
 * false`.
 */
export const startedUnits = (units: readonly OwnUnit[]): readonly string[] =>
  units.filter((unit) => unit.start && !unitName(unit).includes('@.')).map(unitName);

/**
 * Commands of the operator that only look, after everything else; one that fails names itself with
 * its hint.
 */
export function checksStep(checks: Profile['checks']): Step {
  const each = Object.entries(checks).map(([id, { title, run, hint, warn }]) =>
    ['own_check', ...[title ?? id, run, hint, warn ? 'should' : 'must'].map(quoteShell)].join(' '),
  );
  return {
    id: 'checks',
    title: `checks (${Object.keys(checks).join(', ')})`,
    after: ['packages'],
    looksAt: {},
    check: each.join('; '),
    apply: '',
  };
}
