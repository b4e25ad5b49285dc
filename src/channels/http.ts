import { ChannelRefusal, type ChannelWorld, certificateHint, quoted } from './channel.ts';

/** Bytes of a reply that are read at most. */
const replyBytes = 16_384;

export interface Reply {
  readonly status: number;
  readonly text: string;
}

export interface Post {
  readonly method?: 'POST' | 'GET';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/**
 * One request, without following redirects: a message with names of accounts goes where the
 * operator said. The address is named by its origin only, because a webhook's path is its
 * secret. Errors: `channel` when there is no answer in time or its
 * status is none of 2xx.
 */
export async function request(
  channel: string,
  url: URL,
  { method = 'POST', headers = {}, body }: Post,
  world: ChannelWorld,
): Promise<Reply> {
  const own = {
    method,
    headers: headersOf(channel, url, headers),
    ...(body === undefined ? {} : { body }),
  };
  const reply = await ask(channel, url, own, world);
  if (reply.status >= 200 && reply.status < 300) return reply;
  const { origin } = url;
  const said = quoted(reply.text, world);
  if (reply.status >= 300 && reply.status < 400)
    throw new ChannelRefusal(
      channel,
      `${origin} sends elsewhere (status ${reply.status})`,
      'redirects are not followed: name the final address',
    );
  throw new ChannelRefusal(
    channel,
    `${origin} answered with status ${reply.status}${said === '' ? '' : `: ${said}`}`,
    hintFor(reply.status),
    reply.retryAfterMs,
  );
}

/**
 * Headers as HTTP takes them: text beyond ASCII as UTF-8, line ends and other control characters of
 * a filled template as blanks. Errors: `channel` for a secret of another shape; Node's own error
 * would have it in its text.
 */
function headersOf(
  channel: string,
  url: URL,
  headers: Readonly<Record<string, string>>,
): Record<string, string> {
  const { authorization = '', ...others } = headers;
  if (/[^\x20-\x7e]/.test(authorization))
    throw new ChannelRefusal(
      channel,
      `${url.origin} was not asked: what authorization refers to is no header`,
      'it has to be one line such as "Bearer TOKEN"',
    );
  const asHeader = (text: string): string =>
    Buffer.from(text.replace(/\p{Cc}+/gu, ' '), 'utf8').toString('latin1');
  const own = Object.fromEntries(
    Object.entries(others).map(([key, value]) => [key, asHeader(value)]),
  );
  return { ...own, ...(authorization === '' ? {} : { authorization }), ...authorizationOf(url) };
}

const hintFor = (status: number): string => {
  if (status === 401 || status === 403)
    return 'its address or token is refused: make a new one there';
  if (status === 404 || status === 410)
    return 'the address is not known there: it was mistyped or revoked';
  if (status === 429) return 'it is asked less often from now on';
  return status >= 500
    ? 'it is tried again by the next sweeps'
    : 'the request is not as that service wants it: look at body: of the channel';
};

async function ask(
  channel: string,
  url: URL,
  init: { method: string; headers: Readonly<Record<string, string>>; body?: string },
  { signal, limitMs }: ChannelWorld,
): Promise<Reply & { readonly retryAfterMs: number | null }> {
  const { origin } = url;
  try {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
    const response = await fetch(withoutUser(url), {
      ...init,
      redirect: 'manual',
      signal: limited,
    });
    const seconds = Number(response.headers.get('retry-after'));
    const retryAfterMs =
      Number.isFinite(seconds) && seconds > 0 ? Math.min(86_400, seconds) * 1000 : null;
    return { status: response.status, text: await readSome(response), retryAfterMs };
  } catch (cause) {
    if (signal.aborted)
      throw new ChannelRefusal(
        channel,
        `${origin} was not asked to the end`,
        'the next sweep asks again',
      );
    const isLate = cause instanceof Error && cause.name === 'TimeoutError';
    if (/CERT|ALTNAME/.test(reasonOf(cause)))
      throw new ChannelRefusal(
        channel,
        `${origin} has a certificate that this machine does not trust (${reasonOf(cause)})`,
        certificateHint,
      );
    const what = isLate
      ? `did not answer within ${limitMs / 1000} s`
      : `cannot be reached (${reasonOf(cause)})`;
    throw new ChannelRefusal(
      channel,
      `${origin} ${what}`,
      'is the service up, and may this machine connect to it?',
    );
  }
}

/** fetch refuses addresses that carry a login. */
function withoutUser(url: URL): URL {
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  return bare;
}

function authorizationOf({ username, password }: URL): Readonly<Record<string, string>> {
  if (username === '' && password === '') return {};
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(login).toString('base64')}` };
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (cause instanceof Error && 'code' in cause) return String(cause.code);
  if (cause instanceof Error && cause.message === 'bad port') return cause.message;
  return cause instanceof Error ? cause.name : 'unknown';
}

async function readSome(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  if (response.body === null) return '';
  for await (const chunk of response.body) {
    chunks.push(chunk);
    length += chunk.byteLength;
    if (length >= replyBytes) break;
  }
  return Buffer.concat(chunks).subarray(0, replyBytes).toString('utf8');
}
