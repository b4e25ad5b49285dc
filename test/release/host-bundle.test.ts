import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { buildHostFiles } from '../../src/release/build-host-files.ts';
import { loadHostBundle } from '../../src/release/host-bundle.ts';
import { packageRoot } from '../../src/release/package-root.ts';

const programs = ['agent', 'gate', 'hold', 'host', 'worker'];

/** A published package: templates, and programs that were built before. */
function builtPackage(): string {
  const root = mkdtempSync(join(tmpdir(), 'fleet-package-'));
  cpSync(join(packageRoot(), 'templates'), join(root, 'templates'), { recursive: true });
  mkdirSync(join(root, 'dist', 'host'), { recursive: true });
  for (const name of programs)
    writeFileSync(join(root, 'dist', 'host', `${name}.cjs`), `console.log('${name}');\n`);
  return root;
}

describe('the release', () => {
  it('of a published package has programs, wrappers and units with their modes', async () => {
    const { release, units } = await loadHostBundle(builtPackage());
    const modes = Object.fromEntries(release.files.map(({ path, mode }) => [path, mode]));
    expect(modes).toMatchObject({
      ...Object.fromEntries(programs.map((name) => [`lib/${name}.cjs`, 0o644])),
      ...{
        'bin/fleet-agent': 0o755,
        'bin/fleet-host': 0o755,
        'bin/fleet-run': 0o755,
        'bin/fleet-hold': 0o755,
        'units/fleet-agent.service': 0o644,
      },
    });
    expect(units.map(({ name }) => name)).toEqual([
      'fleet-account@.service',
      'fleet-agent.service',
      'fleet-credentials@.service',
      'fleet-hold.service',
      'fleet-login@.service',
      'fleet-quota.service',
    ]);
  });

  it('gives each file by its digest, and nothing else', async () => {
    const { release, open } = await loadHostBundle(builtPackage());
    const file = release.files.find(({ path }) => path === 'lib/gate.cjs');
    const blob = await open(file?.sha256 ?? '');
    const chunks: Uint8Array[] = [];
    for await (const chunk of blob?.chunks ?? []) chunks.push(chunk);
    expect(gunzipSync(Buffer.concat(chunks)).toString()).toBe("console.log('gate');\n");
    expect(Buffer.concat(chunks).length).toBe(blob?.bytes);
    expect(open('0'.repeat(64))).toBeNull();
  });

  it('has the same id for the same content, and another one when a byte of any file changes', async () => {
    const root = builtPackage();
    const { id } = (await loadHostBundle(root)).release;
    expect((await loadHostBundle(builtPackage())).release.id).toBe(id);
    expect(id).toMatch(/^[0-9a-f]{16}$/);
    for (const path of [
      'dist/host/worker.cjs',
      'templates/bin/fleet-run',
      'templates/units/fleet-hold.service',
    ]) {
      const changed = builtPackage();
      writeFileSync(join(changed, path), 'x');
      expect((await loadHostBundle(changed)).release.id).not.toBe(id);
    }
  });
});

it('programs are ASCII: one letter of another alphabet, and V8 keeps the whole text in two bytes for each', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'fleet-programs-'));
  await buildHostFiles(packageRoot(), directory);
  const names = readdirSync(directory).filter((name) => name.endsWith('.cjs'));
  expect(names).toEqual(expect.arrayContaining(['worker.cjs', 'model-client.cjs']));
  for (const name of names)
    expect(readFileSync(join(directory, name), 'latin1'), name).not.toMatch(/[^\0-\x7f]/);
});
