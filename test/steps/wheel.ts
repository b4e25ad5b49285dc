import { crc32 } from 'node:zlib';

/** A wheel with one module `NAME` that holds `text`: a zip archive without compression. */
export function wheelOf(
  name: string,
  version: string,
  text: string,
): { readonly file: string; readonly content: Buffer } {
  const info = `${name}-${version}.dist-info`;
  const members = {
    [`${name}.py`]: text,
    [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`,
    [`${info}/WHEEL`]:
      'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    [`${info}/RECORD`]: [`${name}.py`, `${info}/METADATA`, `${info}/WHEEL`, `${info}/RECORD`]
      .map((path) => `${path},,\n`)
      .join(''),
  };
  return { file: `${name}-${version}-py3-none-any.whl`, content: zipOf(members) };
}

function zipOf(members: Readonly<Record<string, string>>): Buffer {
  const [local, central]: [Buffer[], Buffer[]] = [[], []];
  for (const [path, text] of Object.entries(members)) {
    const [name, data] = [Buffer.from(path), Buffer.from(text)];
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    // 1 January 1980: zip has no earlier day.
    common.writeUInt16LE(0x21, 8);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(name.length, 22);
    const offset = Buffer.alloc(4);
    offset.writeUInt32LE(local.reduce((sum, { length }) => sum + length, 0));
    local.push(Buffer.concat([Buffer.from('PK\x03\x04'), common, name, data]));
    central.push(
      Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), common, Buffer.alloc(10), offset, name]),
    );
  }
  const end = Buffer.alloc(18);
  end.writeUInt16LE(central.length, 4);
  end.writeUInt16LE(central.length, 6);
  const directory = Buffer.concat(central);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(Buffer.concat(local).length, 12);
  return Buffer.concat([...local, directory, Buffer.from('PK\x05\x06'), end]);
}
