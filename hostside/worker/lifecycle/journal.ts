import type { WorkerConfig } from '../../protocol/worker.ts';

export type LogLevel = WorkerConfig['logLevel'];

/** Priorities of syslog, which journald reads from the start of a line. */
const priorities: Readonly<Record<LogLevel, number>> = { error: 3, warn: 4, info: 6, debug: 7 };

/**
 * One line per event on standard output. Callers pass no secret: only codes, states, durations and
 * user ids.
 */
export class Journal {
  level: LogLevel;
  readonly #write: (line: string) => void;

  constructor(
    level: LogLevel = 'info',
    write: (line: string) => void = (line) => void process.stdout.write(line),
  ) {
    this.level = level;
    this.#write = write;
  }

  say(level: LogLevel, text: string): void {
    if (priorities[level] > priorities[this.level]) return;
    this.#write(`<${priorities[level]}>${oneLine(text)}\n`);
  }
}

export const oneLine = (text: string): string => text.replace(/\s+/g, ' ').slice(0, 500);
