/** What the API's answers hold, read with care: a server may be older or newer than this page. */
export type Facts = Readonly<Record<string, unknown>>;

export const textIn = (facts: Facts | undefined, name: string): string => {
  const value = facts?.[name];
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
};

export const numberIn = (facts: Facts | undefined, name: string): number | null => {
  const value = facts?.[name];
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
};

export const factsIn = (facts: Facts | undefined, name: string): Facts | undefined => {
  const value = facts?.[name];
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Facts)
    : undefined;
};

export const listIn = (facts: Facts | undefined, name: string): readonly Facts[] => {
  const value = facts?.[name];
  if (!Array.isArray(value)) return [];
  return value.filter(
    (each): each is Facts => typeof each === 'object' && each !== null && !Array.isArray(each),
  );
};

export const textsIn = (facts: Facts | undefined, name: string): readonly string[] => {
  const value = facts?.[name];
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
};

/** A moment, ms since the epoch: of a number or of ISO 8601. */
export const momentIn = (facts: Facts | undefined, name: string): number | null => {
  const value = facts?.[name];
  if (typeof value === 'number') return value;
  const at = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? null : at;
};

/**
 * Signs that are not seen or that turn the line around (direction marks) would make a name look
 * like another one; they are shown as a mark. Pure.
 */
export const seen = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{fffd}');
