import {
  isMap,
  isNode,
  isScalar,
  type Pair,
  parseDocument,
  parse as parseYaml,
  type YAMLMap,
} from 'yaml';
import type { DraftHost } from './draft.ts';
import { hostLines } from './write-draft.ts';

/**
 * The end of the line in which the text at `offset` ends, and of the comments below that are
 * indented like the entry.
 */
function endOfEntry(text: string, offset: number, indent: number): number {
  const lineEnd = (from: number): number => {
    const end = text.indexOf('\n', from);
    return end === -1 ? text.length : end + 1;
  };
  // A value that ends with its line ends behind the line's break already.
  let end = offset > 0 && text[offset - 1] === '\n' ? offset : lineEnd(offset);
  for (;;) {
    const line = /^( *)#/.exec(text.slice(end, lineEnd(end)));
    if (line === null || (line[1] ?? '').length < indent) return end;
    end = lineEnd(end);
  }
}

/** Where a pair's text ends. */
const endOf = ({ key, value }: Pair): number =>
  isNode(value) && value.range ? value.range[1] : isNode(key) && key.range ? key.range[1] + 1 : 0;

function insertIntoBlock(text: string, hosts: YAMLMap, host: DraftHost): string | null {
  const [first] = hosts.items;
  const last = hosts.items.at(-1);
  if (
    hosts.flow === true ||
    first === undefined ||
    last === undefined ||
    !isScalar(first.key) ||
    !first.key.range
  )
    return null;
  const start = first.key.range[0];
  const indent = start - (text.lastIndexOf('\n', start - 1) + 1);
  const at = endOfEntry(text, endOf(last), indent);
  const newLine = text.includes('\r\n') ? '\r\n' : '\n';
  const entry = hostLines(host, host)
    .map((line) => ' '.repeat(indent) + line + newLine)
    .join('');
  return (
    text.slice(0, at) + (at > 0 && text[at - 1] !== '\n' ? newLine : '') + entry + text.slice(at)
  );
}

/**
 * The text of a sound inventory with one host more, as the last of its hosts: comments, order and
 * every other byte stay. Where the hosts are written between braces,
 * or there are none, the file is written anew with its comments.
 */
export function addHost(text: string, host: DraftHost): string {
  const document = parseDocument(text);
  const hosts = document.get('hosts', true);
  const inserted = isMap(hosts) ? insertIntoBlock(text, hosts, host) : null;
  if (inserted !== null) return inserted;
  const entry: unknown = parseYaml(hostLines(host, host).join('\n'));
  const settings: unknown =
    typeof entry === 'object' && entry !== null ? Reflect.get(entry, host.name) : null;
  if (isMap(hosts)) hosts.set(document.createNode(host.name), document.createNode(settings));
  else document.set('hosts', document.createNode({ [host.name]: settings }));
  return document.toString({ lineWidth: 0 });
}
