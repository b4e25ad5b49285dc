import { defaultRules } from '../../alerts/default-rules.ts';
import { isMeasure, measures } from '../../model/alert-policy.ts';
import { nearest } from './nearest.ts';
import { didYouMean } from './problems.ts';
import type { KeyPath, Target } from './yaml-document.ts';

type Raw = Readonly<Record<string, unknown>>;
type Found = { readonly path: KeyPath; readonly text: string; readonly target?: Target };

const isRaw = (value: unknown): value is Raw =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const rawAt = (value: unknown, key: string): Raw => {
  const inner = isRaw(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return isRaw(inner) ? inner : {};
};

/** What each kind of channel must and may say. */
const keysOfKind: Readonly<
  Record<string, { readonly must: readonly string[]; readonly may: readonly string[] }>
> = {
  webhook: { must: ['url'], may: ['body', 'authorization', 'sign_key'] },
  telegram: { must: ['token', 'chat'], may: ['server'] },
  mail: { must: ['server', 'from', 'to'], may: ['user', 'password'] },
  command: { must: ['argv'], may: [] },
  alertmanager: { must: ['url'], may: ['authorization'] },
};

function channelMistakes(name: string, channel: Raw): readonly Found[] {
  const path = ['alerts', 'channels', name];
  const kind = typeof channel.kind === 'string' ? channel.kind : '';
  const keys = Object.hasOwn(keysOfKind, kind) ? keysOfKind[kind] : undefined;
  if (keys === undefined) return [];
  const missing = keys.must
    .filter((key) => channel[key] === undefined)
    .map(
      (key): Found => ({ path, target: 'key', text: `a channel of kind ${kind} needs ${key}:` }),
    );
  const unknown = Object.keys(channel)
    .filter((key) => key !== 'kind' && !keys.must.includes(key) && !keys.may.includes(key))
    .map(
      (key): Found => ({
        path: [...path, key],
        target: 'key',
        text:
          `a channel of kind ${kind} has no ${key}: (it has ` +
          `${[...keys.must, ...keys.may].join(', ')})`,
      }),
    );
  return [...missing, ...unknown, ...serverMistakes(path, kind, channel)];
}

function serverMistakes(path: KeyPath, kind: string, channel: Raw): readonly Found[] {
  const { server } = channel;
  const wanted = kind === 'mail' ? /^smtps?:/ : /^https?:/;
  if (typeof server === 'string' && !wanted.test(server))
    return [
      {
        path: [...path, 'server'],
        text:
          `must begin with ${kind === 'mail' ? 'smtp:// or smtps://' : 'https://'} for a ` +
          `channel of kind ${kind}`,
      },
    ];
  if (kind === 'mail' && channel.password !== undefined && channel.user === undefined)
    return [{ path: [...path, 'password'], target: 'key', text: 'a password needs user: too' }];
  return [];
}

function ruleMistakes(name: string, rule: Raw): readonly Found[] {
  const path = ['alerts', 'rules', name];
  const shipped = defaultRules.find((each) => each.name === name);
  const { measure, warning, critical } = rule;
  if (measure === undefined && shipped === undefined)
    return [
      {
        path,
        target: 'key',
        text: `fleet has no rule of this name${didYouMean(
          nearest(
            name,
            defaultRules.map((each) => each.name),
          ),
        )}; one of your own needs measure:`,
      },
    ];
  if (typeof measure === 'string' && !isMeasure(measure))
    return [
      {
        path: [...path, 'measure'],
        text:
          'there is no measure ' +
          `"${measure.slice(0, 40)}"${didYouMean(nearest(measure, Object.keys(measures)))}; ` +
          `measures are ${Object.keys(measures).join(', ')}`,
      },
    ];
  if (measure !== undefined && warning === undefined && critical === undefined)
    return [{ path, target: 'key', text: 'it can never be true: give it warning: or critical:' }];
  if (typeof warning === 'number' && typeof critical === 'number' && critical < warning)
    return [
      {
        path: [...path, 'critical'],
        text: `is below warning (${warning}), so there would never be a warning`,
      },
    ];
  return impossible(path, typeof measure === 'string' ? measure : (shipped?.measure ?? ''), rule);
}

/** Limits that nothing can exceed. */
function impossible(path: KeyPath, measure: string, rule: Raw): readonly Found[] {
  const unit = isMeasure(measure) ? measures[measure].unit : '';
  const highest = unit === 'yes' ? 1 : unit === '%' ? 100 : Number.POSITIVE_INFINITY;
  return ['warning', 'critical'].flatMap((key): readonly Found[] => {
    const limit = rule[key];
    if (typeof limit !== 'number' || limit < highest) return [];
    return [
      {
        path: [...path, key],
        text:
          `it can never be true: ${measure} is never above ` +
          `${highest}${unit === '%' ? ' %' : ''}`,
      },
    ];
  });
}

/** Rules that join several keys of `alerts:`, looked for in the raw data. Pure. */
export function alertRules(raw: unknown): readonly Found[] {
  const alerts = rawAt(raw, 'alerts');
  const channels = rawAt(alerts, 'channels');
  const ofChannels = Object.entries(channels).flatMap(([name, channel]) =>
    isRaw(channel) ? channelMistakes(name, channel) : [],
  );
  const ofRules = Object.entries(rawAt(alerts, 'rules')).flatMap(([name, rule]) =>
    isRaw(rule) || rule === 'off' ? ruleMistakes(name, isRaw(rule) ? rule : {}) : [],
  );
  return [...ofChannels, ...ofRules, ...sendMistakes(alerts.send, Object.keys(channels))];
}

function sendMistakes(send: unknown, channels: readonly string[]): readonly Found[] {
  if (!Array.isArray(send)) return [];
  const named = send.flatMap((entry: unknown, index): readonly (readonly [KeyPath, unknown])[] =>
    Array.isArray(entry)
      ? entry.map((inner: unknown, at) => [['alerts', 'send', index, at], inner] as const)
      : [[['alerts', 'send', index], entry] as const],
  );
  return named.flatMap(([path, name]): readonly Found[] =>
    typeof name !== 'string' || channels.includes(name)
      ? []
      : [
          {
            path,
            text:
              'no channel is called ' +
              `"${name.slice(0, 40)}"${didYouMean(nearest(name, channels))}`,
          },
        ],
  );
}
