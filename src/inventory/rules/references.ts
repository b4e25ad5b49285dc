import { modelWord } from '../schema/egress.ts';
import { parseDuration } from '../schema/units.ts';
import { alertRules } from './alert-rules.ts';
import { findCity, nearestCity } from './cities.ts';
import { ledgerRules } from './ledger-rules.ts';
import { nearest } from './nearest.ts';
import { didYouMean } from './problems.ts';
import { sudoRules } from './sudo-rules.ts';
import type { KeyPath, Problem, Target, YamlDocument } from './yaml-document.ts';

// These rules join several keys. They look at the raw data, so that they are reported together with
// the mistakes of form;
// whatever has the wrong form is passed over here, because it is reported there.

type Raw = Readonly<Record<string, unknown>>;
type Found = { readonly path: KeyPath; readonly text: string; readonly target?: Target };

const isRaw = (value: unknown): value is Raw =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const mapAt = (value: unknown, key: string): Raw => {
  const inner = isRaw(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return isRaw(inner) ? inner : {};
};
const texts = (value: unknown): readonly (readonly [number, string])[] =>
  Array.isArray(value)
    ? [...value.entries()].filter(
        (entry): entry is [number, string] => typeof entry[1] === 'string',
      )
    : [];
const entriesOf = (value: Raw): readonly (readonly [string, Raw])[] =>
  Object.entries(value).map(([name, inner]) => [name, isRaw(inner) ? inner : {}]);

const groupMistakes = (kind: string, name: string, raw: Raw, groups: Raw): readonly Found[] => {
  const seen = new Set<string>();
  return texts(raw.groups).flatMap(([index, group]) => {
    const path = [kind, name, 'groups', index];
    if (seen.has(group)) return [{ path, text: `group "${group}" is listed twice` }];
    seen.add(group);
    if (group === 'all') return [{ path, text: 'every host is in "all" without being listed' }];
    return Object.hasOwn(groups, group)
      ? []
      : [
          {
            path,
            text: `no group is called "${group}"${didYouMean(nearest(group, Object.keys(groups)))}`,
          },
        ];
  });
};

/** Whether following `groups` from `start` leads back to it. */
const isCyclic = (start: string, groups: Raw): boolean => {
  const open = texts(mapAt(groups, start).groups).map(([, name]) => name);
  const seen = new Set<string>();
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (name === start) return true;
    if (seen.has(name)) continue;
    seen.add(name);
    open.push(...texts(mapAt(groups, name).groups).map(([, inner]) => inner));
  }
  return false;
};

const groupRules = (raw: unknown): readonly Found[] => {
  const groups = mapAt(raw, 'groups');
  const hosts = mapAt(raw, 'hosts');
  const mistakes = Object.keys(groups).flatMap((name): readonly Found[] => {
    const path = ['groups', name];
    if (name === 'all')
      return [
        {
          path,
          target: 'key',
          text: '"all" is the name of every host together; choose another name',
        },
      ];
    if (Object.hasOwn(hosts, name))
      return [
        {
          path,
          target: 'key',
          text: `a host is called "${name}" too; patterns could not tell them apart`,
        },
      ];
    return isCyclic(name, groups)
      ? [{ path: [...path, 'groups'], text: 'this group contains itself' }]
      : [];
  });
  const all = Object.hasOwn(hosts, 'all')
    ? [
        {
          path: ['hosts', 'all'],
          target: 'key' as const,
          text: '"all" is the name of every host together; choose another name',
        },
      ]
    : [];
  const members = [
    ...entriesOf(groups).map((entry) => ['groups', ...entry] as const),
    ...entriesOf(hosts).map((entry) => ['hosts', ...entry] as const),
  ];
  return [
    ...mistakes,
    ...all,
    ...members.flatMap(([kind, name, inner]) => groupMistakes(kind, name, inner, groups)),
  ];
};

const placeRules = (settings: Raw, path: KeyPath): readonly Found[] => {
  const place = settings.location;
  if (typeof place !== 'string' || findCity(place) !== null) return [];
  return [
    {
      path: [...path, 'location'],
      text:
        `no city called "${place.slice(0, 40)}" is known${didYouMean(nearestCity(place))}; ` +
        'give its position instead: { name: ..., lat: ..., lon: ... }',
    },
  ];
};

const knownTimeZone = (name: string): boolean => {
  try {
    return (
      /^[A-Za-z]/.test(name) && new Intl.DateTimeFormat('en', { timeZone: name }).format(0) !== ''
    );
  } catch {
    return false;
  }
};

const timeZoneRules = (settings: Raw, path: KeyPath): readonly Found[] => {
  const zone = settings.time_zone;
  if (typeof zone !== 'string' || !/^[A-Za-z0-9_+/-]{1,64}$/.test(zone)) return [];
  const near = nearest(zone, Intl.supportedValuesOf('timeZone'));
  // A zone in other letters is known here, but it is the name of a file on the host.
  if (
    knownTimeZone(zone) &&
    (near === null || near === zone || near.toLowerCase() !== zone.toLowerCase())
  )
    return [];
  return [
    { path: [...path, 'time_zone'], text: `no time zone is called "${zone}"${didYouMean(near)}` },
  ];
};

/** Countries as people write them in the inventory: of hosts and groups, by place or by code. */
const countriesOf = (settings: Raw): readonly string[] => {
  const place = settings.location;
  const country =
    typeof place === 'string' ? findCity(place)?.country : mapAt(settings, 'location').country;
  return typeof country === 'string' ? [country.toUpperCase()] : [];
};

const accountRules = (
  settings: Raw,
  path: KeyPath,
  hosts: Raw,
  areas: ReadonlySet<string>,
): readonly Found[] => {
  const pinned = settings.pinned_to;
  const unpinned =
    typeof pinned === 'string' && !Object.hasOwn(hosts, pinned)
      ? [
          {
            path: [...path, 'pinned_to'],
            text: `no host is called "${pinned}"${didYouMean(nearest(pinned, Object.keys(hosts)))}`,
          },
        ]
      : [];
  const outside = texts(settings.allowed_zones).flatMap(([index, area]) =>
    areas.has(area)
      ? []
      : [
          {
            path: [...path, 'allowed_zones', index],
            text:
              'no host is in a zone, country or group called ' +
              `"${area}"${didYouMean(nearest(area, areas))}`,
          },
        ],
  );
  return [...unpinned, ...outside, ...placeRules(settings, path), ...chatRules(settings, path)];
};

const chatRules = (settings: Raw, path: KeyPath): readonly Found[] => {
  const { chats } = settings;
  const entries = Array.isArray(chats)
    ? [...chats.entries()]
    : Object.entries(isRaw(chats) ? chats : {});
  const seen = new Set<string>();
  return entries.flatMap(([key, id]) => {
    if (seen.has(String(id)))
      return [
        {
          path: [...path, 'chats', key],
          text: `the group ${String(id).slice(0, 20)} is listed twice`,
        },
      ];
    seen.add(String(id));
    return [];
  });
};

/**
 * Milliseconds between the end of an answer and the end of its slot that are kept free for clocks
 * and networks.
 */
const slotGuardMs = 3_000;

const modelRules = (raw: unknown): readonly Found[] => {
  const model = mapAt(raw, 'model');
  const { answer_slot: slot = '20s' } = isRaw(raw) ? raw : {};
  const { timeout = '12s' } = model;
  if (Object.keys(model).length === 0 || typeof slot !== 'string' || typeof timeout !== 'string')
    return [];
  const [slotMs, timeoutMs] = [parseDuration(slot), parseDuration(timeout)];
  if (slotMs === null || timeoutMs === null || timeoutMs + slotGuardMs < slotMs) return [];
  return [
    {
      path: ['model', 'timeout'],
      text:
        `an answer of the model (${timeout}) must end 3s before its slot does (answer_slot: ` +
        `${slot})`,
    },
  ];
};

const egressRules = (raw: unknown): readonly Found[] => {
  const { allow } = mapAt(raw, 'egress');
  if (
    !Array.isArray(allow) ||
    !allow.includes(modelWord) ||
    Object.keys(mapAt(raw, 'model')).length > 0
  )
    return [];
  return [
    {
      path: ['egress', 'allow', allow.indexOf(modelWord)],
      text: 'there is no model in this inventory',
    },
  ];
};

const weightRules = (raw: unknown): readonly Found[] => {
  const weights = mapAt(mapAt(raw, 'placement'), 'weights');
  const parts = [
    weights.cpu ?? 0.3,
    weights.memory ?? 0.3,
    weights.slots ?? 0.3,
    weights.disk ?? 0.1,
  ];
  if (!parts.every((part) => typeof part === 'number')) return [];
  const sum = parts.reduce((total, part) => total + part, 0);
  if (Math.abs(sum - 1) < 0.005) return [];
  return [
    {
      path: ['placement', 'weights'],
      text:
        `the four weights must sum to 1, not ${Number(sum.toFixed(3))} (not given: cpu 0.3, ` +
        'memory 0.3, slots 0.3, disk 0.1)',
    },
  ];
};

/**
 * Mistakes that need more than one key to be seen: names that nothing carries, groups in a circle,
 * weights that do not sum to 1. Order as in the data.
 */
export const referenceProblems = (document: YamlDocument): readonly Problem[] => {
  const raw = document.value;
  const [hosts, groups, accounts] = [
    mapAt(raw, 'hosts'),
    mapAt(raw, 'groups'),
    mapAt(raw, 'accounts'),
  ];
  const defaults = mapAt(raw, 'defaults');
  const sites: readonly (readonly [KeyPath, Raw])[] = [
    [['defaults'], defaults],
    ...entriesOf(groups).map(([name, inner]) => [['groups', name], inner] as const),
    ...entriesOf(hosts).map(([name, inner]) => [['hosts', name], inner] as const),
  ];
  const areas = new Set([
    ...Object.keys(groups),
    ...sites.flatMap(([, inner]) => [
      ...(typeof inner.zone === 'string' ? [inner.zone] : []),
      ...countriesOf(inner),
    ]),
  ]);
  const found: readonly Found[] = [
    ...modelRules(raw),
    ...egressRules(raw),
    ...weightRules(raw),
    ...sudoRules(raw),
    ...ledgerRules(raw),
    ...alertRules(raw),
    ...groupRules(raw),
    ...sites.flatMap(([path, inner]) => [
      ...placeRules(inner, path),
      ...timeZoneRules(inner, path),
    ]),
    ...accountRules(mapAt(raw, 'account_defaults'), ['account_defaults'], hosts, areas),
    ...entriesOf(accounts).flatMap(([name, inner]) =>
      accountRules(inner, ['accounts', name], hosts, areas),
    ),
  ];
  return found.map(({ path, text, target }) => ({
    position: document.locate(path, target ?? 'value'),
    path,
    text,
  }));
};
