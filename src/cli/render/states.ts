import { chalk, type Painter } from '../style.ts';

const colours = new Map<string, Painter>([
  ['online', chalk.green],
  ['up', chalk.green],
  ['ready', chalk.green],
  ['placed', chalk.yellow],
  ['reconnecting', chalk.yellow],
  ['flood-wait', chalk.yellow],
  ['held', chalk.yellow],
  ['cordoned', chalk.yellow],
  ['not-ready', chalk.yellow],
  ['unknown', chalk.yellow],
  ['pending', chalk.yellow],
  ['changed', chalk.yellow],
  ['suspect', chalk.yellow],
  ['interrupted', chalk.yellow],
  ['healthy', chalk.green],
  ['stored', chalk.dim],
  ['stopped', chalk.dim],
  ['detached', chalk.dim],
]);

/** A state in its colour; whatever is not known to be fine is red. */
export const formatState = (state: string): string => (colours.get(state) ?? chalk.red)(state);
