/** One value of an event: how it is read from a ledger, within limits, and its JSON Schema. */
export interface Field<Value> {
  /** undefined: `value` is no such value. Texts that are too long are cut. */
  readonly read: (value: unknown) => Value | undefined;
  readonly schema: Readonly<Record<string, unknown>>;
}

const limits = { characters: 4096, entries: 1000 };
/** The last moment that a Date can hold, ms since the epoch. */
const lastMs = 8.64e15;

/** A text of anybody: a reason, an error's message, a path. */
export const words: Field<string> = {
  read: (value) => (typeof value === 'string' ? value.slice(0, limits.characters) : undefined),
  schema: { type: 'string', maxLength: limits.characters },
};

/**
 * A whole number from 0 on: an epoch, a serial, a count, a duration or a moment in ms. Others are
 * brought into the range.
 */
export const whole: Field<number> = {
  read: (value) =>
    typeof value === 'number' && !Number.isNaN(value)
      ? Math.min(lastMs, Math.max(0, Math.round(value)))
      : undefined,
  schema: { type: 'integer', minimum: 0, maximum: lastMs },
};

export const yesOrNo: Field<boolean> = {
  read: (value) => (typeof value === 'boolean' ? value : undefined),
  schema: { type: 'boolean' },
};

/** At most 1000 texts; further ones are left out. */
export const list: Field<readonly string[]> = {
  read(value) {
    if (!Array.isArray(value)) return undefined;
    const texts = value.slice(0, limits.entries).map(words.read);
    return texts.every((text) => text !== undefined) ? texts : undefined;
  },
  schema: { type: 'array', items: words.schema, maxItems: limits.entries },
};

export const oneOf = <Choice extends string>(...choices: readonly Choice[]): Field<Choice> => ({
  read: (value) => choices.find((choice) => choice === value),
  schema: { enum: choices },
});

export const orNull = <Value>(field: Field<Value>): Field<Value | null> => ({
  read: (value) => (value === null ? null : field.read(value)),
  schema: { anyOf: [field.schema, { type: 'null' }] },
});
