import { type OnTerminal, startOnTerminal } from '../cli/screen/on-terminal.ts';
import type { Operator } from './operator.ts';

/** `fleet ARGS` on a pseudo-terminal, where its operator sits. */
export interface FleetOnTerminal extends OnTerminal {
  /** Sends a signal to the command itself, as `kill` does. */
  signal(name: NodeJS.Signals): void;
}

/** Starts it in the operator's folder. */
export function fleetOnTerminal(operator: Operator, args: readonly string[]): FleetOnTerminal {
  const env = { PATH: process.env.PATH ?? '', TERM: 'xterm-256color', ...operator.env };
  const argv = ['sh', '-c', 'echo "its pid is $$ here"; exec "$@"', 'sh', ...operator.argv(args)];
  const run = startOnTerminal(argv, { cwd: operator.directory, env, columns: 120 });
  const signal = (name: NodeJS.Signals): void => {
    const pid = /its pid is (\d+) here/.exec(run.shown())?.[1];
    if (pid === undefined)
      throw new Error(`it did not say its pid; the terminal shows:\n${run.shown()}`);
    process.kill(Number(pid), name);
  };
  return { ...run, signal };
}
