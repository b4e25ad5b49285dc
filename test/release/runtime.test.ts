import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { configuredRegistry, fileInTar } from '../../src/release/registry-tarball.ts';
import { openRuntimeBlob } from '../../src/release/runtime-blob.ts';
import type { PinnedRuntime } from '../../src/release/runtime-versions.ts';

const temporary = (): string => mkdtempSync(join(tmpdir(), 'fleet-release-'));
const binary = Buffer.from('not really node '.repeat(50_000));
const tarball = makeTarball();
const runtime: PinnedRuntime = {
  arch: 'arm64',
  version: '1.2.3',
  sha256: createHash('sha256').update(binary).digest('hex'),
  bytes: binary.length,
  package: 'node-test',
  integrity: `sha512-${createHash('sha512').update(tarball).digest('base64')}`,
};
const servers: Server[] = [];

function makeTarball(): Buffer {
  const directory = temporary();
  mkdirSync(join(directory, 'package', 'bin'), { recursive: true });
  writeFileSync(join(directory, 'package', 'package.json'), '{}');
  writeFileSync(join(directory, 'package', 'bin', 'node'), binary);
  return execFileSync('tar', ['-czf', '-', 'package/package.json', 'package/bin/node'], {
    cwd: directory,
    maxBuffer: 1e8,
  });
}

async function registry(sent: Buffer): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const { port } = server.address() as AddressInfo;
    if (request.url === '/node-test/1.2.3')
      response.end(JSON.stringify({ dist: { tarball: `http://127.0.0.1:${port}/t.tgz` } }));
    else if (request.url === '/t.tgz') response.end(sent);
    else response.writeHead(404).end();
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function content(blob: {
  bytes: number;
  chunks: AsyncIterable<Uint8Array>;
}): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of blob.chunks) chunks.push(chunk);
  const all = Buffer.concat(chunks);
  expect(all.length).toBe(blob.bytes);
  return gunzipSync(all);
}

describe('the runtime', () => {
  it('is taken from an installed package, hoisted or nested, and compressed once', async () => {
    const top = temporary();
    const packageRoot = join(top, 'node_modules', 'fleet');
    mkdirSync(packageRoot, { recursive: true });
    mkdirSync(join(top, 'node_modules', 'node-test', 'bin'), { recursive: true });
    writeFileSync(join(top, 'node_modules', 'node-test', 'bin', 'node'), binary);
    const sources = {
      cacheDirectory: join(top, 'cache'),
      packageRoot,
      registry: 'http://127.0.0.1:1',
    };
    const both = await Promise.all([
      openRuntimeBlob(runtime, sources),
      openRuntimeBlob(runtime, sources),
    ]);
    for (const blob of both) expect(await content(blob)).toEqual(binary);
    expect(readdirSync(join(top, 'cache')).sort()).toEqual([
      `runtime-${runtime.sha256}.gz`,
      `runtime-${runtime.sha256}.gz.json`,
    ]);
    // The cache alone suffices now.
    expect(await content(await openRuntimeBlob(runtime, { ...sources, packageRoot: '/' }))).toEqual(
      binary,
    );
  });

  it('is fetched where it is not installed, and again when the cache is damaged', async () => {
    const { url, asked } = await registry(tarball);
    const cacheDirectory = temporary();
    const sources = { cacheDirectory, packageRoot: '/', registry: url };
    expect(await content(await openRuntimeBlob(runtime, sources))).toEqual(binary);
    const path = join(cacheDirectory, `runtime-${runtime.sha256}.gz`);
    const damaged = readFileSync(path);
    damaged[100] = (damaged[100] ?? 0) ^ 1;
    writeFileSync(path, damaged);
    expect(await content(await openRuntimeBlob(runtime, sources))).toEqual(binary);
    expect(asked).toEqual(['/node-test/1.2.3', '/t.tgz', '/node-test/1.2.3', '/t.tgz']);
  });

  it('is refused when the registry sends another content, lacks it or does not answer', async () => {
    const cacheDirectory = temporary();
    const from = (url: string) =>
      openRuntimeBlob(runtime, { cacheDirectory, packageRoot: '/', registry: url });
    const { url } = await registry(Buffer.concat([tarball, Buffer.from([0])]));
    await expect(from(url)).rejects.toMatchObject({
      code: 'transfer',
      message: expect.stringContaining('not the pinned one') as unknown,
    });
    await expect(from(`${url}/elsewhere`)).rejects.toMatchObject({
      code: 'transfer',
      message: expect.stringContaining('404') as unknown,
    });
    await expect(from('http://127.0.0.1:1')).rejects.toMatchObject({ code: 'transfer' });
    expect(readdirSync(cacheDirectory)).toEqual([]);
  });

  it('comes from the registry that npm uses', async () => {
    const npmrc = join(temporary(), '.npmrc');
    writeFileSync(npmrc, 'color=false\nregistry = https://npm.example.org/mirror/\n');
    const { npm_config_registry: _, ...environment } = process.env;
    const asked = (more: NodeJS.ProcessEnv) => configuredRegistry({ ...environment, ...more });
    expect(await asked({ npm_config_userconfig: npmrc })).toBe('https://npm.example.org/mirror');
    expect(
      await asked({
        npm_config_userconfig: npmrc,
        npm_config_registry: 'https://other.example.org',
      }),
    ).toBe('https://other.example.org');
    await expect(asked({ PATH: '/nonexistent' })).rejects.toMatchObject({
      code: 'transfer',
      hint: expect.stringContaining('runtime_mirror'),
    });
  });

  it('is not found in an archive that ends early', () => {
    expect(fileInTar(Buffer.alloc(1024), 'package/bin/node')).toBeNull();
    expect(fileInTar(Buffer.from('garbage'), 'package/bin/node')).toBeNull();
  });
});
