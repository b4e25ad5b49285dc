import { readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Memory } from '../../answering/memory.ts';
import { emptyMemory } from '../../answering/memory.ts';
import { memoryFromJson, memoryToJson } from '../../answering/memory-json.ts';
import { errorCode, writeDurably } from '../../machine/durable-file.ts';
import { parseJson, Shape } from '../../machine/json-shape.ts';
import type { LogLevel } from '../lifecycle/journal.ts';
import type { DayBudget } from '../model/budget.ts';

/** What the account remembers besides its conversations. */
interface Notes {
  readonly format: 1;
  readonly budget: DayBudget;
  /** The operator's last test message. */
  readonly lastTest: string;
}

const noNotes: Notes = { format: 1, budget: { day: '', tokens: 0, money: 0 }, lastTest: '' };
/** What a move carries at most is 10 MB, and the bounds of the memory end far below. */
const limitBytes = 8 * 1024 * 1024;
/** After something that must not be forgotten, and after the rest, ms. */
const [soonMs, laterMs] = [1_000, 5_000];

/**
 * The account's state directory: two JSON files, each replaced in one step that survives a power
 * cut, at most once a second and once more at the end. They are
 * carried along by moves.
 */
export class StateFiles {
  readonly memory: Memory;
  readonly #directory: string;
  readonly #say: (level: LogLevel, text: string) => void;
  #notes: Notes;
  #timer: NodeJS.Timeout | null = null;
  #dueAt = Number.POSITIVE_INFINITY;
  #isBroken = false;
  /** Something was written in this process. */
  #isWritten = false;

  constructor(directory: string, say: (level: LogLevel, text: string) => void) {
    this.#directory = directory;
    this.#say = say;
    this.memory = this.#readMemory();
    this.#notes = this.#readNotes();
  }

  get notes(): Notes {
    return this.#notes;
  }

  note(change: Partial<Notes>): void {
    this.#notes = { ...this.#notes, ...change };
    this.changed(true);
  }

  /**
   * The memory has changed; `isGrave`: what would be missed most (opt-outs, what was said) is on
   * disk a second later.
   */
  changed(isGrave: boolean): void {
    // What a fresh process takes on is on disk before it can be answered.
    const waitMs = isGrave ? (this.#isWritten ? soonMs : 0) : laterMs;
    const dueAt = performance.now() + waitMs;
    if (dueAt >= this.#dueAt) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#dueAt = dueAt;
    this.#timer = setTimeout(() => this.flush(), waitMs);
    if (waitMs === 0) this.flush();
  }

  /** What has changed is on disk when this returns, unless the disk is full. */
  persist(): void {
    this.changed(true);
    this.flush();
  }

  /** Writes what has changed, now. A full disk is said once and tried again. */
  flush(): void {
    if (this.#timer === null) return;
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#dueAt = Number.POSITIVE_INFINITY;
    try {
      writeDurably(this.#path('memory.json'), JSON.stringify(memoryToJson(this.memory)), 0o600);
      writeDurably(this.#path('notes.json'), JSON.stringify(this.#notes), 0o600);
      this.#isWritten = true;
      if (this.#isBroken) this.#say('info', 'the state is written again');
      this.#isBroken = false;
    } catch (error) {
      if (!this.#isBroken)
        this.#say(
          'error',
          `the state could not be written (${errorCode(error)}): what happens from now on ` +
            'may be forgotten',
        );
      this.#isBroken = true;
      this.changed(false);
    }
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }

  #readMemory(): Memory {
    const text = this.#read('memory.json');
    if (text === null) return emptyMemory();
    const { memory, damaged } = memoryFromJson(parseJson(text));
    if (damaged.length === 0) return memory;
    this.#setAside('memory.json', `parts that begin empty: ${damaged.join(', ')}`);
    // People who asked for silence would be spoken to again: nobody may overlook that.
    if (damaged.includes('optOuts'))
      this.#say(
        'error',
        'who asked for silence is no longer known: look at memory.json.damaged in the ' +
          'state directory',
      );
    return memory;
  }

  #readNotes(): Notes {
    const text = this.#read('notes.json');
    if (text === null) return noNotes;
    const shape = new Shape(parseJson(text));
    const inner = new Shape(shape.value('budget'));
    const budget = {
      day: inner.text('day', 10),
      tokens: inner.number('tokens', 0, Number.MAX_SAFE_INTEGER),
      money: inner.number('money', 0, Number.MAX_SAFE_INTEGER),
    };
    const notes: Notes = { format: 1, budget, lastTest: shape.text('lastTest', 128) };
    if (shape.value('format') === 1 && shape.fault === null && inner.fault === null) return notes;
    this.#setAside('notes.json', 'the budget of the day begins anew');
    return noNotes;
  }

  /** null: there is none. What cannot be read counts as damaged. */
  #read(name: string): string | null {
    try {
      const size = statSync(this.#path(name)).size;
      return size > limitBytes ? '' : readFileSync(this.#path(name), 'utf8');
    } catch (error) {
      return errorCode(error) === 'ENOENT' ? null : '';
    }
  }

  #setAside(name: string, what: string): void {
    this.#say('error', `${name} is damaged and was set aside as ${name}.damaged; ${what}`);
    try {
      renameSync(this.#path(name), this.#path(`${name}.damaged`));
    } catch (error) {
      this.#say('error', `${name} could not be set aside (${errorCode(error)})`);
    }
  }
}
