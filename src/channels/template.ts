import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { parse } from 'yaml';
import * as z from 'zod';
import { type Message, moreNote } from '../alerts/message.ts';
import { packageRoot } from '../release/package-root.ts';
import { readBounded } from '../surroundings/read-bounded.ts';
import { ChannelRefusal } from './channel.ts';
import { bytesOf, type SizeOf, shorten, unitsOf } from './shorten.ts';

const json: z.ZodType<unknown> = z.json();

/**
 * How a service wants to be told: `templates/alerts/NAME.yaml`, or `alerts/NAME.yaml` beside the
 * inventory.
 */
const templateSchema = z.strictObject({
  /** The document that the shape was taken from. */
  source: z.string().max(400).optional(),
  /** Of title and text together. */
  limit: z
    .strictObject({ characters: z.int().min(64).optional(), bytes: z.int().min(64).optional() })
    .optional(),
  /**
   * What the service would take for a mention or a link: `entities`: &, < and > as Slack wants
   * them; `brackets`: < and > as ‹ and ›.
   */
  escape: z.enum(['entities', 'brackets']).optional(),
  sign: z.enum(['feishu', 'dingtalk']).optional(),
  headers: z.record(z.string().regex(/^[A-Za-z0-9-]{1,64}$/), z.string().max(1000)).optional(),
  query: z.record(z.string().max(64), z.string().max(1000)).optional(),
  /**
   * Text is sent as it is, anything else as JSON. `{title}`, `{text}`, ... are replaced in its
   * texts.
   */
  body: json,
  /**
   * Where a status of 200 does not mean that it was taken: what a field of the JSON answer must be,
   * and the field that says why not.
   */
  accept: z
    .strictObject({ field: z.string().max(64), value: json, reason: z.string().max(64).optional() })
    .optional(),
});

export type Template = z.output<typeof templateSchema>;

/** Bytes of a template at most. */
const templateBytes = 65_536;

/** The operator's own one counts before fleet's. Errors: `channel`, naming the file. */
export async function readTemplate(
  channel: string,
  name: string,
  folder: string,
): Promise<Template> {
  const shipped = join(packageRoot(), 'templates');
  for (const place of [folder, shipped]) {
    const path = join(place, 'alerts', `${name}.yaml`);
    const content = await readBounded(path, templateBytes).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return null;
      throw new ChannelRefusal(
        channel,
        `its template ${path} cannot be read`,
        `it has to be a file of at most ${templateBytes} bytes`,
      );
    });
    if (content === null) continue;
    const parsed = templateSchema.safeParse(parseYaml(content.toString('utf8')));
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    const what = `is wrong at ${issue?.path.join('.') || 'its beginning'}: ${issue?.message}`;
    throw new ChannelRefusal(
      channel,
      `its template ${path} ${what}`,
      'templates/alerts has correct ones to start from',
    );
  }
  throw new ChannelRefusal(
    channel,
    `there is no template ${name}`,
    'body: is fleet, alertmanager, slack, feishu, dingtalk, wecom, ntfy, or ' +
      'alerts/NAME.yaml beside the inventory',
  );
}

function parseYaml(text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 10 });
  } catch {
    return null;
  }
}

export interface Filled {
  readonly headers: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body: string;
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
/**
 * A worker's own words stand in messages: `<!channel>` or `<at user_id="all">` in them would call
 * everybody, and a link would look like fleet's.
 */
const escapes: Readonly<Record<'entities' | 'brackets', (text: string) => string>> = {
  entities: (text) => text.replace(/[&<>]/g, (each) => entities[each] ?? each),
  brackets: (text) => text.replaceAll('<', '‹').replaceAll('>', '›'),
};

/** ntfy's and similar scales: 1 lowest, 5 highest. */
const priorities = { info: '3', warning: '4', critical: '5' } as const;

/**
 * A message in the service's own shape. Values are put into texts of the parsed template, never
 * into JSON's text, so that no name can change the shape. What is empty is
 * left out where it stands alone (`sign` without a key). `nowMs`: for signatures. Pure.
 */
export function fillTemplate(
  template: Template,
  message: Message,
  signKey: string | null,
  nowMs: number,
): Filled {
  const signature =
    signKey === null || template.sign === undefined
      ? null
      : signatures[template.sign](signKey, nowMs);
  const values: Readonly<Record<string, string>> = {
    ...shownTexts(template, message),
    severity: message.severity,
    priority: priorities[message.severity],
    fleet: message.fleet,
    id: message.id,
    timestamp: signature?.timestamp ?? '',
    sign: signature?.sign ?? '',
  };
  const fill = (text: string): string =>
    text.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
  const walk = (value: unknown): unknown => {
    if (typeof value === 'string') return fill(value);
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .map(([key, inner]) => [key, walk(inner)] as const)
        .filter(([, inner]) => inner !== ''),
    );
  };
  const texts = (record: Readonly<Record<string, string>> | undefined): Record<string, string> =>
    Object.fromEntries(
      Object.entries(record ?? {})
        .map(([key, text]) => [key, fill(text)] as const)
        .filter(([, text]) => text !== ''),
    );
  const isText = typeof template.body === 'string';
  const body = isText ? fill(String(template.body)) : JSON.stringify(walk(template.body));
  const type = isText ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8';
  return {
    headers: { 'content-type': type, ...texts(template.headers) },
    query: texts(template.query),
    body,
  };
}

/** Cut so that no escape is cut in two. */
function shownTexts(
  { limit, escape: way }: Template,
  message: Message,
): { readonly title: string; readonly text: string } {
  const plain = way === undefined ? (text: string): string => text : escapes[way];
  const title = plain(message.title);
  const cut = (text: string, most: number | undefined, sizeOf: SizeOf): string =>
    most === undefined
      ? text
      : shorten(text, most - sizeOf(title) - 1, moreNote(message), (part) => sizeOf(plain(part)));
  const text = cut(cut(message.text, limit?.characters, unitsOf), limit?.bytes, bytesOf);
  return { title, text: plain(text) };
}

interface Signature {
  readonly timestamp: string;
  readonly sign: string;
}

/** As the documents named by `source` in the templates tell it. */
const signatures: Readonly<
  Record<'feishu' | 'dingtalk', (key: string, nowMs: number) => Signature>
> = {
  feishu: (key, nowMs) => {
    const timestamp = String(Math.floor(nowMs / 1000));
    return { timestamp, sign: createHmac('sha256', `${timestamp}\n${key}`).digest('base64') };
  },
  dingtalk: (key, nowMs) => {
    const timestamp = String(nowMs);
    return {
      timestamp,
      sign: createHmac('sha256', key).update(`${timestamp}\n${key}`).digest('base64'),
    };
  },
};

/** Why the service has not taken it although its status was 200; null: it has. Pure. */
export function refusedBy({ accept }: Template, answer: string): string | null {
  if (accept === undefined) return null;
  let value: unknown;
  try {
    value = JSON.parse(answer);
  } catch {
    return 'its answer is not JSON';
  }
  const fields =
    typeof value === 'object' && value !== null
      ? new Map(Object.entries(value))
      : new Map<string, unknown>();
  if (fields.get(accept.field) === accept.value) return null;
  const said = accept.reason === undefined ? undefined : fields.get(accept.reason);
  return (
    `${accept.field} ${JSON.stringify(fields.get(accept.field) ?? null)}` +
    `${typeof said === 'string' ? `: ${said}` : ''}`
  );
}
