/**
 * As much of the classes of `fetch` as the package `openai` and http-fetch.ts use. Node loads all
 * of its own (6 MB of an account's memory) when one of them is
 * named, so the bundle names these (src/release/build-host-files.ts).
 */

/**
 * Names are told apart without their case, as in HTTP, and values of one name are joined by a
 * comma.
 */
class LightHeaders {
  readonly #values = new Map<string, string>();

  constructor(from: Iterable<readonly [string, string]> | Readonly<Record<string, string>> = []) {
    for (const [name, value] of Symbol.iterator in from ? from : Object.entries(from))
      this.append(name, value);
  }

  append(name: string, value: string): void {
    const before = this.get(name);
    this.set(name, before === null ? value : `${before}, ${value}`);
  }

  set(name: string, value: string): void {
    this.#values.set(name.toLowerCase(), String(value).trim());
  }

  get(name: string): string | null {
    return this.#values.get(name.toLowerCase()) ?? null;
  }

  has(name: string): boolean {
    return this.#values.has(name.toLowerCase());
  }

  delete(name: string): void {
    this.#values.delete(name.toLowerCase());
  }

  entries(): MapIterator<[string, string]> {
    return this.#values.entries();
  }

  [Symbol.iterator](): MapIterator<[string, string]> {
    return this.entries();
  }
}

/** An answer whose body is there, or broke off: then reading it fails. */
class LightResponse {
  readonly status: number;
  readonly headers: LightHeaders;
  readonly url = '';
  /** Never a stream: nobody reads one. */
  readonly body = null;
  readonly #content: Buffer | Error;

  constructor(
    content: Buffer | Error,
    { status, headers }: { readonly status: number; readonly headers: LightHeaders },
  ) {
    this.#content = content;
    this.status = status;
    this.headers = headers;
  }

  get ok(): boolean {
    return this.status >= 200 && this.status <= 299;
  }

  text(): Promise<string> {
    const content = this.#content;
    return content instanceof Error
      ? Promise.reject(content)
      : Promise.resolve(new TextDecoder().decode(content));
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }
}

export { LightHeaders as Headers, LightResponse as Response };
