/** A map that forgets what was set longest ago. */
export class Recent<V> {
  readonly #map = new Map<string, V>();
  readonly #most: number;

  /** `most`: entries that are kept, at least 1. */
  constructor(most: number) {
    this.#most = most;
  }

  get(key: string): V | undefined {
    return this.#map.get(key);
  }

  /** Oldest first. */
  all(): ReadonlyMap<string, V> {
    return this.#map;
  }

  set(key: string, value: V): void {
    this.#map.delete(key);
    this.#map.set(key, value);
    if (this.#map.size <= this.#most) return;
    const [oldest] = this.#map.keys();
    this.#map.delete(oldest as string);
  }
}
