/** Entries of the chain are rows of these tables. */
export type ChainSource = 'history' | 'events';

/** How an engine keeps the history's chain. Both hash the same text, so an entry has one hash. */
export interface ChainSql {
  /** The content of the entry in `row` (a table's alias, or `NEW`) as JSON text. */
  readonly content: (source: ChainSource, row: string) => string;
  /** A query for the number of the last entry that was ever recorded, also if it was taken out. */
  readonly lastNumber: string;
  /** The chain's table. */
  readonly table: readonly string[];
  /** Record what is inserted into `source`, and refuse every change of it. */
  readonly triggers: (source: ChainSource) => readonly string[];
}

/**
 * An entry's values after the name of its table. The score is written as whole millionths: how a
 * real number is printed differs between engines and versions.
 */
export const chainColumns: Readonly<Record<ChainSource, readonly string[]>> = {
  history: [
    ...['id', 'at', 'account', 'host', 'from_host', 'type', 'score', 'strategy', 'reason'],
    ...['move_id', 'decision_json'],
  ],
  events: ['id', 'at', 'kind', 'host', 'account', 'text'],
};

/** What a change of the history is refused with. */
export const neverChanged = 'the history is never changed';
