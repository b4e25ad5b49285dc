/**
 * Fields of one JSON object, read by name; the first mistake is kept in `fault`. Hosts have no zod:
 * this is the border's parser there.
 */
export class Shape {
  fault: string | null = null;
  readonly #record: Readonly<Record<string, unknown>>;

  constructor(value: unknown) {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    this.#record = isObject ? (value as Record<string, unknown>) : {};
    if (!isObject) this.fault = 'not an object';
  }

  has(key: string): boolean {
    return this.#record[key] !== undefined;
  }

  value(key: string): unknown {
    return this.#record[key];
  }

  /** Text of at most `maxLength` characters that matches `pattern`; '' after a mistake. */
  text(key: string, maxLength: number, pattern: RegExp = /^/): string {
    const value = this.#record[key];
    if (typeof value === 'string' && value.length <= maxLength && pattern.test(value)) return value;
    return this.#wrong(key, '');
  }

  textOrNull(key: string, maxLength: number, pattern: RegExp = /^/): string | null {
    return this.#record[key] === null ? null : this.text(key, maxLength, pattern);
  }

  /** Whole number in `min..max`; `min` after a mistake. */
  integer(key: string, min: number, max: number): number {
    const value = this.#record[key];
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max)
      return value;
    return this.#wrong(key, min);
  }

  /** Finite number in `min..max`; `min` after a mistake. */
  number(key: string, min: number, max: number): number {
    const value = this.#record[key];
    if (typeof value === 'number' && Number.isFinite(value) && value >= min && value <= max)
      return value;
    return this.#wrong(key, min);
  }

  flag(key: string): boolean {
    const value = this.#record[key];
    return typeof value === 'boolean' ? value : this.#wrong(key, false);
  }

  oneOf<T extends string>(key: string, allowed: readonly [T, ...T[]]): T {
    const value = this.#record[key];
    return allowed.find((entry) => entry === value) ?? this.#wrong(key, allowed[0]);
  }

  list(key: string, maxLength: number): readonly unknown[] {
    const value = this.#record[key];
    return Array.isArray(value) && value.length <= maxLength ? value : this.#wrong(key, []);
  }

  #wrong<T>(key: string, instead: T): T {
    this.fault ??= this.has(key) ? `field "${key}" has a wrong value` : `field "${key}" is missing`;
    return instead;
  }
}

/** The value of JSON text, or undefined when it is not JSON (undefined is no JSON value). */
export const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};

export const keyIdPattern = /^[0-9a-f]{32}$/;
export const accountPattern = /^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/;
/**
 * Move ids, authority ids, nonces: one word without anything that a path, a unit file or a log
 * would mind.
 */
export const wordPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
export const sha256Pattern = /^[0-9a-f]{64}$/;
