import { formatKeyPath } from '../rules/problems.ts';
import type { KeyPath, YamlDocument } from '../rules/yaml-document.ts';

/** Where the value of a setting comes from. */
export interface Origin {
  readonly kind: 'default' | 'inventory' | 'ssh-config' | 'environment' | 'ledger' | 'session';
  /** In words: `group hetzner`, `OpenSSH's default`, `FLEET_INVENTORY`. */
  readonly text: string;
  /** `FILE:LINE`; null where there is none. */
  readonly place: string | null;
}

export type SettingValue = string | number | boolean | null | readonly string[];

/**
 * A setting that is in effect. `key`: as the inventory writes it. Secrets are shown as their
 * references.
 */
export interface Setting {
  readonly key: string;
  readonly value: SettingValue;
  readonly from: Origin;
}

export const byDefault = (text = 'default'): Origin => ({ kind: 'default', text, place: null });

/** One mapping that may say settings; from weak to strong in a list. */
export interface Layer {
  /** In words: `group hetzner`. */
  readonly text: string;
  readonly path: KeyPath;
}

const has = (value: unknown, path: KeyPath): boolean => {
  let inner = value;
  for (const key of path) {
    if (typeof inner !== 'object' || inner === null || !Object.hasOwn(inner, key)) return false;
    inner = Reflect.get(inner, key);
  }
  return inner !== undefined && inner !== null;
};

/** An inventory that was read, to look up who says what in it. */
export interface Written {
  readonly document: YamlDocument;
  /** How the file is called in messages. */
  readonly path: string;
}

/**
 * Who says the value at `path` in the strongest of `layers` that says it; null: nobody. `others`:
 * keys that decide it as well.
 */
export function originIn(
  { document, path: file }: Written,
  layers: readonly Layer[],
  path: KeyPath,
  others: readonly KeyPath[] = [],
): Origin | null {
  for (const layer of layers.toReversed()) {
    const found = [path, ...others].find((each) => has(document.value, [...layer.path, ...each]));
    if (found === undefined) continue;
    const place = `${file}:${document.locate([...layer.path, ...found], 'key').line}`;
    return {
      kind: 'inventory',
      text: found === path ? layer.text : `${layer.text}, by ${formatKeyPath(found)}`,
      place,
    };
  }
  return null;
}

/** A value of a subject, with the key under which the inventory writes it. */
export interface Row<Subject> {
  readonly path: KeyPath;
  readonly value: (subject: Subject) => SettingValue;
  /** Keys from which it follows where it is not said itself. */
  readonly others?: readonly KeyPath[];
}

/** All rows of a subject. What nobody says is a default. */
export const explainRows = <Subject>(
  rows: readonly Row<Subject>[],
  subject: Subject,
  written: Written,
  layers: readonly Layer[],
): readonly Setting[] =>
  rows.map(({ path, value, others }) => ({
    key: formatKeyPath(path),
    value: value(subject),
    from: originIn(written, layers, path, others) ?? byDefault(),
  }));

/**
 * The keys of a mapping that is joined key by key: each with its value, said by the strongest layer
 * that has it.
 */
export const explainKeys = (
  key: string,
  values: Readonly<Record<string, string>>,
  written: Written,
  layers: readonly Layer[],
): readonly Setting[] =>
  Object.entries(values).map(([name, value]) => ({
    key: formatKeyPath([key, name]),
    value,
    from: originIn(written, layers, [key, name]) ?? byDefault(),
  }));

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** As the inventory writes a length of time, in the largest unit that needs no fraction. */
export function writtenDuration(ms: number): string {
  const unit = units.find(([, length]) => ms !== 0 && ms % length === 0);
  return unit === undefined ? (ms === 0 ? '0s' : `${ms}ms`) : `${ms / unit[1]}${unit[0]}`;
}

/** As the inventory writes a size. */
export function writtenSize(bytes: number): string {
  const unit = (
    [
      ['G', 1_073_741_824],
      ['M', 1_048_576],
      ['K', 1_024],
    ] as const
  ).find(([, size]) => bytes % size === 0);
  return unit === undefined ? `${bytes}` : `${bytes / unit[1]}${unit[0]}`;
}
