import type { LogLevel } from '../lifecycle/journal.ts';
import type { LinkUser } from '../lifecycle/run-account.ts';
import { BehaviourFile } from './behaviour-file.ts';
import { Conversation } from './conversation.ts';
import { SilenceFile } from './recent-silences.ts';
import { StateFiles } from './state-files.ts';
import { Tally } from './tally.ts';

export interface AnsweringPlaces {
  readonly keyId: string;
  readonly behaviourPath: string;
  readonly stateDirectory: string;
  readonly runtimeDirectory: string;
  readonly modelKey: string | null;
  /** Telegram's time, ms since the epoch: all rules about time follow it. */
  readonly now: () => number;
}

/** A changed behaviour is seen after this time at most. */
const lookEveryMs = 2_000;
const tidyEveryMs = 60_000;

/**
 * All that has to do with answering, in one process: the files it lives from, and the conversation.
 */
export class Answering {
  readonly tally = new Tally();
  readonly #say: (level: LogLevel, text: string) => void;
  readonly #file: BehaviourFile;
  readonly #state: StateFiles;
  readonly #silences: SilenceFile;
  readonly #conversation: Conversation;
  readonly #timers: readonly NodeJS.Timeout[];

  constructor(places: AnsweringPlaces, say: (level: LogLevel, text: string) => void) {
    this.#say = say;
    this.#file = new BehaviourFile(places.behaviourPath);
    this.#state = new StateFiles(places.stateDirectory, say);
    this.#silences = new SilenceFile(places.runtimeDirectory);
    this.#conversation = new Conversation({
      ...{
        keyId: places.keyId,
        state: this.#state,
        tally: this.tally,
        silences: this.#silences,
        say,
        now: places.now,
        random: Math.random,
      },
      // Loaded by the first question only: it takes as much memory as everything else that answers.
      openModel: async ({ baseUrl }) =>
        (await import('../model/openai-client.ts')).openAiClient({ baseUrl, key: places.modelKey }),
    });
    this.#look();
    this.#timers = [
      setInterval(() => this.#look(), lookEveryMs),
      setInterval(() => this.#conversation.tidy(), tidyEveryMs),
    ];
  }

  get user(): LinkUser {
    return this.#conversation;
  }

  /** Nothing is answered from now on. */
  end(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#conversation.end();
    this.flush();
  }

  /** Everything that has changed is on disk when this returns. */
  flush(): void {
    this.#state.flush();
    this.#silences.write();
  }

  #look(): void {
    const found = this.#file.look();
    if (found !== undefined && 'behaviour' in found) this.#conversation.configure(found.behaviour);
    else if (found !== undefined)
      this.#say(
        'error',
        `the behaviour file cannot be read (${found.fault}): what it said before stays`,
      );
    this.#silences.write();
  }
}
