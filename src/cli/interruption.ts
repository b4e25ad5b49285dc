/** Ctrl-C, SIGTERM and SIGHUP. */
import { exitCode } from '../verbs/exit-codes.ts';
import { printNote, restoreTerminal } from './terminal.ts';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface Interruption {
  /** Aborted by the first signal: the command ends between two acts. */
  readonly signal: AbortSignal;
  /** From here on signals mean again what they mean to every program. */
  end(): void;
}

/** The second signal leaves at once with code 130. */
export function listenForInterruption(): Interruption {
  const controller = new AbortController();
  const interrupt = (): void => {
    if (controller.signal.aborted) {
      restoreTerminal();
      process.exit(exitCode.interrupted);
    }
    controller.abort();
    printNote('stopping after the acts that are under way; press Ctrl-C again to quit');
  };
  for (const signal of signals) process.on(signal, interrupt);
  return {
    signal: controller.signal,
    end: () => {
      for (const signal of signals) process.off(signal, interrupt);
    },
  };
}
