/** A protection of the product that is switched off to show that the net notices. */
export type Mutant =
  | 'gate'
  | 'gate-before-stop'
  | 'move-compare'
  | 'serial'
  | 'survey'
  | 'silent-hosts'
  | 'hold-oneshot'
  | 'hold-from-own-stamp'
  | 'instance'
  | 'settle'
  | 'unfenced-survey'
  | 'safe-moment';

/** The one that is switched off now; null: the product as it is shipped. */
export const mutation: { current: Mutant | null } = { current: null };

export const isOff = (mutant: Mutant): boolean => mutation.current === mutant;
