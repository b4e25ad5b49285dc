import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { leanSchema, workerSource } from '../../src/release/lean-telegram.ts';
import { currentLayer } from '../../src/release/telegram-layer.ts';
import { parseSchema } from '../dc/tl/schema-text.ts';

const published: string = createRequire(import.meta.url)('telegram/tl/apiTl.js');
const source = workerSource('.');

it('keeps what is named, and what can come of it', () => {
  const schema = [
    ...[
      'inputPeerSelf#1 = InputPeer;',
      'peerUser#2 user_id:long = Peer;',
      'message#3 flags:# from:flags.1?Peer media:Media = Message;',
    ],
    ...[
      'mediaEmpty#4 = Media;',
      'mediaParts#5 parts:Vector<media.Part> = Media;',
      'media.part#6 = media.Part;',
      'theme#7 = Theme;',
    ],
    ...[
      'updates#8 updates:Vector<Update> = Updates;',
      'updateNew#9 message:Message = Update;',
      '---functions---',
    ],
    ...['messages.send#a peer:InputPeer = Bool;', 'themes.get#b = Vector<Theme>;'],
  ];
  const kept = (code: string) => [
    ...parseSchema([leanSchema(schema.join('\n'), code)], {
      stringsAreBinary: false,
    }).byName.keys(),
  ];
  expect(kept('')).toEqual([
    'peerUser',
    'message',
    'mediaEmpty',
    'mediaParts',
    'media.part',
    'updates',
    'updateNew',
  ]);
  expect(kept('new Api.messages.Send({})')).toEqual(
    expect.arrayContaining(['inputPeerSelf', 'messages.send']),
  );
  expect(kept('Api.themes.Get')).toEqual(expect.arrayContaining(['theme', 'themes.get']));
});

it.each([
  ['the published', published],
  ['the current', currentLayer().text],
])('leaves out most of %s layer, but nothing that the worker can be told', (_, whole) => {
  const lean = parseSchema([leanSchema(whole, source)], { stringsAreBinary: false });
  const full = parseSchema([whole], { stringsAreBinary: false });
  expect(lean.byName.size).toBeLessThan(full.byName.size / 2);
  const kept = new Set([...lean.byName.values()].map(({ resultName }) => resultName));
  const types = new Set(
    [...full.byName.values()]
      .filter(({ isFunction }) => !isFunction)
      .map(({ resultName }) => resultName),
  );
  for (const { name, fields } of lean.byName.values())
    for (const { type, name: field } of fields) {
      const item = type.kind === 'vector' ? type.item : type;
      if (item.kind === 'object' && types.has(item.name))
        expect(kept, `${name}.${field}`).toContain(item.name);
    }
  // A type is kept with all its forms.
  for (const one of full.byName.values())
    if (kept.has(one.resultName) && !one.isFunction)
      expect(lean.byId.has(one.id), one.name).toBe(true);
});
