import type { Origin, Setting, SettingValue } from '../../../inventory/explain/setting.ts';
import { counted } from '../../../model/counted.ts';
import type { ShownConfig } from '../../../workflows/config/show.ts';
import type { ValidConfig } from '../../../workflows/config/validate.ts';
import { formatTable } from '../table.ts';

export function formatValid(
  path: string,
  { hosts, groups, accounts, profiles, scripts, notes }: ValidConfig,
): string {
  const parts = [
    counted(hosts, 'host'),
    counted(groups, 'group'),
    `${counted(accounts, 'account')} named`,
    counted(profiles.length, 'profile'),
    counted(scripts.length, 'script'),
  ];
  return [`${path} is valid: ${parts.join(', ')}.`, ...notes.map((note) => `  note: ${note}`)].join(
    '\n',
  );
}

const shownValue = (value: SettingValue): string =>
  value === null ? '-' : Array.isArray(value) ? value.join(' ') || '-' : String(value);

const shownOrigin = ({ text, place }: Origin): string =>
  place === null ? text : `${text} (${place})`;

const rowOf = ({ key, value, from }: Setting): readonly string[] => [
  key,
  shownValue(value),
  shownOrigin(from),
];

/** What is called in the environment, and counts. */
const surroundings = (): readonly (readonly string[])[] =>
  ['FLEET_INVENTORY', 'FLEET_SECRETS', 'SSH_AUTH_SOCK'].flatMap((name) =>
    process.env[name] ? [[name, process.env[name], 'environment']] : [],
  );

export const formatConfig = (path: string, shown: readonly ShownConfig[]): string =>
  shown
    .map(({ kind, name, settings }) => {
      const more = kind === 'fleet' ? surroundings() : [];
      return (
        `${kind} ${name} ` +
        `(${path})\n\n${formatTable(['SETTING', 'VALUE', 'FROM'], [...settings.map(rowOf), ...more], '')}`
      );
    })
    .join('\n\n');
