import { statSync } from 'node:fs';
import { readSmallFile } from '../../machine/durable-file.ts';
import { parseJson, Shape } from '../../machine/json-shape.ts';
import type { Behaviour } from '../../protocol/behaviour.ts';

const limitBytes = 256 * 1024;

/**
 * The behaviour of the account as it lies on the host. It was checked by the operator's side and is
 * written by root only, so nothing but its frame is looked
 * at here; what cannot be used all the same shows when it is taken up.
 */
export class BehaviourFile {
  readonly #path: string;
  #stamp = '';

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * What is new since the last look: a behaviour, null when there is none any more, or why it
   * cannot be read; undefined: nothing is new. Costs one `stat`.
   */
  look(): { readonly behaviour: Behaviour | null } | { readonly fault: string } | undefined {
    const stat = statSync(this.#path, { throwIfNoEntry: false });
    const stamp = stat === undefined ? 'none' : `${stat.ino} ${stat.size} ${stat.mtimeMs}`;
    if (stamp === this.#stamp) return undefined;
    this.#stamp = stamp;
    const file = readSmallFile(this.#path, limitBytes);
    if (file === null) return { behaviour: null };
    return 'text' in file ? parseBehaviour(file.text) : { fault: file.fault };
  }
}

const parseBehaviour = (
  text: string,
): { readonly behaviour: Behaviour } | { readonly fault: string } => {
  const value = parseJson(text);
  const shape = new Shape(value);
  shape.text('account', 63);
  shape.flag('isPaused');
  shape.list('chats', 1000);
  shape.list('fleetUserIds', 100_000);
  if (shape.value('format') !== 1) shape.fault ??= 'field "format" is not 1';
  return shape.fault === null ? { behaviour: value as Behaviour } : { fault: shape.fault };
};
