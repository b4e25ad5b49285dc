import { templateVariables } from '../../hostside/answering/compose.ts';
import { nearest } from '../inventory/rules/nearest.ts';
import { didYouMean } from '../inventory/rules/problems.ts';
import type { KeyPath, Problem, YamlDocument } from '../inventory/rules/yaml-document.ts';

// Rules that join several keys, or look into a text. They read the raw data, so that all mistakes
// are reported together; what has the wrong form is passed over.

type Raw = Readonly<Record<string, unknown>>;
type Found = { readonly path: KeyPath; readonly text: string };

const isRaw = (value: unknown): value is Raw =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const mapAt = (value: unknown, key: string): Raw => {
  const inner = isRaw(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return isRaw(inner) ? inner : {};
};

const acts = ['say', 'ask_model', 'silent'] as const;

const actMistakes = (rule: Raw, path: KeyPath): readonly Found[] => {
  const given = acts.filter((act) => rule[act] !== undefined);
  if (given.length === 1) return [];
  const [, second] = given;
  if (second === undefined) return [{ path, text: `a rule needs one of ${acts.join(', ')}` }];
  return [
    {
      path: [...path, second],
      text: `a rule has only one of ${acts.join(', ')}; "${given[0]}" is given too`,
    },
  ];
};

const triggerMistakes = (rule: Raw, path: KeyPath): readonly Found[] => {
  if (!isRaw(rule.on)) return [];
  const kinds = Object.keys(rule.on);
  if (kinds.length === 0)
    return [{ path: [...path, 'on'], text: 'one of keyword, pattern, command is missing' }];
  return kinds.slice(1).map((kind) => ({
    path: [...path, 'on', kind],
    text: `a rule has one trigger, and "${kinds[0]}" is it; make a second rule`,
  }));
};

const textMistakes = (text: unknown, path: KeyPath): readonly Found[] =>
  typeof text !== 'string'
    ? []
    : [...text.matchAll(/\{\{([^}]*)\}\}/g)].flatMap(([, inner = '']) => {
        const name = inner.trim();
        if (templateVariables.some((known) => known === name)) return [];
        const near = didYouMean(nearest(name, templateVariables));
        return [
          {
            path,
            text:
              'no variable is called ' +
              `"${name.slice(0, 40)}"${near === '' ? `; there are ${templateVariables.join(', ')}` : near}`,
          },
        ];
      });

const sayMistakes = (rule: Raw, path: KeyPath): readonly Found[] =>
  Array.isArray(rule.say)
    ? [...rule.say.entries()].flatMap(([index, text]) =>
        textMistakes(text, [...path, 'say', index]),
      )
    : textMistakes(rule.say, [...path, 'say']);

/** Whether nothing gets past the rule: it fits every message and has no conditions. */
const takesAll = (rule: Raw): boolean => rule.on === 'any' && rule.when === undefined;

const ruleMistakes = (rules: readonly unknown[]): readonly Found[] => {
  const names = new Set<unknown>();
  let blocked = false;
  return rules.flatMap((rule, index): readonly Found[] => {
    if (!isRaw(rule)) return [];
    const path = ['rules', index];
    const again = names.has(rule.name)
      ? [
          {
            path: [...path, 'name'],
            text: `a rule is called "${String(rule.name).slice(0, 63)}" already`,
          },
        ]
      : [];
    if (rule.name !== undefined) names.add(rule.name);
    const late =
      blocked && rule.on !== 'joined'
        ? [{ path, text: 'this rule is never reached: one above it takes every message (on: any)' }]
        : [];
    blocked ||= takesAll(rule);
    return [
      ...again,
      ...late,
      ...actMistakes(rule, path),
      ...triggerMistakes(rule, path),
      ...sayMistakes(rule, path),
    ];
  });
};

const isTimeZone = (name: string): boolean => {
  try {
    return (
      /^[A-Za-z]/.test(name) && new Intl.DateTimeFormat('en', { timeZone: name }).format(0) !== ''
    );
  } catch {
    return false;
  }
};

const hoursMistakes = (raw: unknown): readonly Found[] => {
  const zone = mapAt(raw, 'hours').time_zone;
  if (typeof zone !== 'string' || isTimeZone(zone)) return [];
  return [
    {
      path: ['hours', 'time_zone'],
      text:
        'no time zone is called ' +
        `"${zone.slice(0, 64)}"${didYouMean(nearest(zone, Intl.supportedValuesOf('timeZone')))}`,
    },
  ];
};

/**
 * Mistakes that need more than one key, or the inside of a text, to be seen. Order as in the data.
 */
export const scriptProblems = (document: YamlDocument): readonly Problem[] => {
  const raw = document.value;
  const rules = isRaw(raw) && Array.isArray(raw.rules) ? raw.rules : [];
  const found = [...hoursMistakes(raw), ...ruleMistakes(rules)];
  return found.map(({ path, text }) => ({ position: document.locate(path, 'value'), path, text }));
};
