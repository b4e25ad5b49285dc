import { describe, expect, it } from 'vitest';
import { parseSidecar } from '../../src/sessions/sidecar.ts';

const parse = (content: unknown): unknown =>
  parseSidecar(Buffer.from(typeof content === 'string' ? content : JSON.stringify(content)));
const hash = '0123456789abcdef0123456789abcdef';

describe('the description beside a session', () => {
  it.each([
    [
      {
        app_id: 4,
        app_hash: hash,
        device: 'PC 64bit',
        sdk: 'Windows 10',
        app_version: '5.1',
        lang_code: 'en',
      },
    ],
    [
      {
        api_id: '4',
        api_hash: hash,
        device_model: 'PC 64bit',
        system_version: 'Windows 10',
        app_version: '5.1',
        lang_pack: 'en',
        twoFA: 'x',
        phone: '1',
      },
    ],
  ])('says application and device, whatever its names', (content) => {
    const device = {
      deviceModel: 'PC 64bit',
      systemVersion: 'Windows 10',
      appVersion: '5.1',
      langCode: 'en',
    };
    expect(parse(content)).toEqual({ apiId: 4, apiHash: hash, ...device });
    expect(parse(`\uFEFF${JSON.stringify(content)}`)).toEqual({
      apiId: 4,
      apiHash: hash,
      ...device,
    });
  });

  it('an application without its hash does not count, and neither does what has an odd form', () => {
    expect(parse({ app_id: 4, device: 'PC' })).toEqual({ deviceModel: 'PC' });
    expect(
      parse({
        app_id: 4,
        app_hash: 'short',
        device: 'a\nb',
        lang_code: 'English',
        sdk: 'x'.repeat(65),
        app_version: '1\u202e2',
      }),
    ).toBeNull();
  });

  it.each(['', '[]', 'null', '{', '"x"', '{"__proto__": {"device": "x"}}', '{"device": {}}'])(
    '%s is none',
    (content) => {
      expect(parse(content)).toBeNull();
    },
  );
});
