import chalk, { type ChalkInstance } from 'chalk';

const colours = new Map<string, ChalkInstance>([
  ['online', chalk.green],
  ['up', chalk.green],
  ['ready', chalk.green],
  ['placed', chalk.yellow],
  ['reconnecting', chalk.yellow],
  ['flood-wait', chalk.yellow],
  ['held', chalk.yellow],
  ['cordoned', chalk.yellow],
  ['unbootstrapped', chalk.yellow],
  ['stored', chalk.dim],
  ['stopped', chalk.dim],
  ['detached', chalk.dim],
]);

/** A state in its colour; whatever is not known to be fine is red. */
export const formatState = (state: string): string => (colours.get(state) ?? chalk.red)(state);
