/** The API as the dashboard uses it: docs/api.md says what it answers. */

/** An answer, and when what it says was so, ms since the epoch. */
export interface Answer {
  readonly data: Readonly<Record<string, unknown>>;
  readonly atMs: number;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** What the API refuses: RFC 9457's facts, with fleet's code and hint. */
export class ApiProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string;

  constructor(status: number, facts: Readonly<Record<string, unknown>>) {
    super(textOf(facts.detail) || textOf(facts.title) || `HTTP ${status}`);
    this.status = status;
    this.code = textOf(facts.code);
    this.hint = textOf(facts.hint);
  }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

export interface Api {
  /** The server's time, ms since the epoch: this machine's clock may be wrong. */
  now(): number;
  /** Errors: {@link ApiProblem}; TypeError where the server cannot be reached. */
  get(path: string, query?: Query, signal?: AbortSignal): Promise<Answer>;
  /** All pages of a look, as one answer; it is as old as its oldest page. Errors: like `get`. */
  getAll(path: string, query?: Query, signal?: AbortSignal): Promise<Answer>;
  /** `key`: makes it safe to send it again (Idempotency-Key). Errors: like `get`. */
  post(path: string, body: unknown, key?: string): Promise<Answer>;
  /**
   * Plans and applies at once what needs no second look; resolves when it is done. Errors: like
   * `get`; those that its job ended with.
   */
  act(path: string, body: unknown): Promise<void>;
  /** The history as it is written, after entry `last`: the answer's body. Errors: like `get`. */
  listen(last: string | null, signal: AbortSignal): Promise<ReadableStream<Uint8Array>>;
}

/** Of one page; the API gives no more. */
const pageSize = 1_000;
/** Pages of one look: more entries than any fleet has are not kept in a browser. */
const mostPages = 200;
/** How long {@link Api.act} waits for its job, and between two looks at it, ms. */
const actWait = { mostMs: 120_000, lookMs: 500 } as const;

/** For Idempotency-Key: the same again for the same plan does nothing twice. */
export const newKey = (): string =>
  Array.from(crypto.getRandomValues(new Uint32Array(4))).join('-');

/** `token`: of `fleet token add`; it is sent as a header only. */
export function openApi(token: string): Api {
  let aheadMs = 0;
  const now = (): number => Date.now() + aheadMs;
  const send = async (path: string, init: RequestInit): Promise<Response> => {
    const headers = { authorization: `Bearer ${token}`, ...init.headers };
    // Not `no-store`: that would ask the server to look anew, whatever it knows.
    const response = await fetch(path, { ...init, headers });
    aheadMs = aheadOf(response.headers.get('date'), Date.now());
    if (response.ok) return response;
    const facts: unknown = await response.json().catch(() => ({}));
    throw new ApiProblem(response.status, recordOf(facts));
  };
  const answerOf = async (response: Response): Promise<Answer> => ({
    data: recordOf(await response.json()),
    atMs: now() - Number(response.headers.get('age') ?? 0) * 1000,
  });
  const get: Api['get'] = async (path, query = {}, signal) =>
    answerOf(await send(withQuery(path, query), signal === undefined ? {} : { signal }));
  const post: Api['post'] = async (path, body, key) =>
    answerOf(
      await send(path, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(key === undefined ? {} : { 'idempotency-key': key }),
        },
        body: JSON.stringify(body),
      }),
    );
  return {
    now,
    get,
    getAll: async (path, query = {}, signal) => {
      const pages = [await get(path, { ...query, page: pageSize }, signal)];
      for (
        let next = nextOf(pages);
        next !== null && pages.length < mostPages;
        next = nextOf(pages)
      )
        pages.push(await get(path, { ...query, page: pageSize, cursor: next }, signal));
      return joined(pages);
    },
    post,
    act: async (path, body) => {
      const planned = await post(path, body);
      const { apply } = planned.data;
      if (typeof apply !== 'string') return;
      const key = newKey();
      const begun = await post(apply.slice(1), {}, key);
      const job = textOf(begun.data.job);
      for (let waitedMs = 0; waitedMs < actWait.mostMs; waitedMs += actWait.lookMs) {
        const { data } = await get(`v1/jobs/${job}`);
        if (data.state === 'done') return;
        if (data.state !== 'running') throw new ApiProblem(500, recordOf(data.problem));
        await new Promise((resolve) => setTimeout(resolve, actWait.lookMs));
      }
      throw new ApiProblem(504, { detail: 'It is still at work.', hint: `#/jobs/${job}` });
    },
    listen: async (last, signal) => {
      const headers: Record<string, string> = last === null ? {} : { 'last-event-id': last };
      const { body } = await send('events', { headers, signal });
      if (body === null) throw new TypeError('no body');
      return body;
    },
  };
}

/** A difference that the header's whole seconds and the way here explain, ms. */
const sameClockMs = 5_000;

/** How far a server's clock is ahead of this machine's, ms; `date`: of its header. Pure. */
export function aheadOf(date: string | null, nowMs: number): number {
  const ahead = Date.parse(date ?? '') - nowMs;
  return Math.abs(ahead) > sameClockMs ? ahead : 0;
}

const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {};

function withQuery(path: string, query: Query): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const text = new URLSearchParams(
    given.map(([name, value]): [string, string] => [name, String(value)]),
  ).toString();
  return text === '' ? path : `${path}?${text}`;
}

const nextOf = (pages: readonly Answer[]): string | null => {
  const next = pages.at(-1)?.data.next;
  return typeof next === 'string' ? next : null;
};

/** Lists one after another; whatever is no list is of the first page. Pure. */
export function joined(pages: readonly Answer[]): Answer {
  const [first, ...rest] = pages;
  const data: Record<string, unknown> = { ...first?.data };
  for (const page of rest)
    for (const [name, value] of Object.entries(page.data)) {
      const before = data[name];
      if (Array.isArray(value) && Array.isArray(before)) data[name] = [...before, ...value];
    }
  return { data, atMs: Math.min(...pages.map(({ atMs }) => atMs)) };
}
