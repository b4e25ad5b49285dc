import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import * as z from 'zod';
import { FleetError } from '../model/errors.ts';
import type { BlobStream } from '../model/release.ts';
import { makeFolder } from '../surroundings/make-folder.ts';
import { atPath } from '../surroundings/system-error.ts';
import { configuredRegistry, fetchRuntime } from './registry-tarball.ts';
import type { PinnedRuntime } from './runtime-versions.ts';

const CHUNK_BYTES = 256 * 1024;
/** Level 6: 7 and more cost twice the time for 1 % of the size. */
const GZIP_LEVEL = 6;

export interface RuntimeSources {
  readonly cacheDirectory: string;
  /** fleet's own package: its node_modules, or those around it, may carry the binary. */
  readonly packageRoot: string;
  /** Registry for what is not installed; null: the one that npm is configured for. */
  readonly registry: string | null;
}

const sidecarSchema = z.object({ gzipSha256: z.string(), gzipBytes: z.int().positive() });

/**
 * The runtime, compressed: from the cache when it is whole there, else made from the installed npm
 * package, else fetched. Safe to call
 * from several processes at once. Error `transfer` when there is no source whose content is the
 * pinned one.
 */
export async function openRuntimeBlob(
  runtime: PinnedRuntime,
  sources: RuntimeSources,
): Promise<BlobStream> {
  const path = join(sources.cacheDirectory, `runtime-${runtime.sha256}.gz`);
  const bytes = (await soundSize(path)) ?? (await fill(path, runtime, sources));
  return { bytes, chunks: createReadStream(path, { highWaterMark: CHUNK_BYTES }) };
}

/** Size of the cached file when it is as it was written, otherwise null. */
async function soundSize(path: string): Promise<number | null> {
  try {
    const sidecar = sidecarSchema.parse(JSON.parse(await readFile(`${path}.json`, 'utf8')));
    if ((await stat(path)).size !== sidecar.gzipBytes) return null;
    const hash = createHash('sha256');
    await pipeline(createReadStream(path, { highWaterMark: CHUNK_BYTES }), hash);
    return hash.digest('hex') === sidecar.gzipSha256 ? sidecar.gzipBytes : null;
  } catch {
    // Missing or damaged: both mean that it is made again.
    return null;
  }
}

async function fill(
  path: string,
  runtime: PinnedRuntime,
  sources: RuntimeSources,
): Promise<number> {
  makeFolder(dirname(path), 0o755);
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  const installed = installedBinary(runtime, sources.packageRoot);
  const source =
    installed === null
      ? Readable.from(
          slices(await fetchRuntime(runtime, sources.registry ?? (await configuredRegistry()))),
        )
      : createReadStream(installed, { highWaterMark: CHUNK_BYTES });
  const plain = createHash('sha256');
  const packed = createHash('sha256');
  let bytes = 0;
  const counting = (seen: (chunk: Buffer) => void): Transform =>
    new Transform({
      transform(chunk: Buffer, _encoding, done) {
        seen(chunk);
        done(null, chunk);
      },
    });
  try {
    await pipeline(
      source,
      counting((chunk) => plain.update(chunk)),
      createGzip({ level: GZIP_LEVEL }),
      counting((chunk) => {
        packed.update(chunk);
        bytes += chunk.length;
      }),
      createWriteStream(temporary),
    );
    if (plain.digest('hex') !== runtime.sha256) {
      throw new FleetError(
        'transfer',
        `the runtime in ${runtime.package} is not the pinned ${runtime.version}`,
        {
          hint: 'install fleet again',
        },
      );
    }
    await writeFile(
      `${temporary}.json`,
      JSON.stringify({ gzipSha256: packed.digest('hex'), gzipBytes: bytes }),
    );
    await rename(temporary, path);
    await rename(`${temporary}.json`, `${path}.json`);
    return bytes;
  } catch (error) {
    throw atPath(error, path, temporary);
  } finally {
    await rm(temporary, { force: true });
    await rm(`${temporary}.json`, { force: true });
  }
}

function* slices(content: Buffer): Generator<Buffer> {
  for (let at = 0; at < content.length; at += CHUNK_BYTES)
    yield content.subarray(at, at + CHUNK_BYTES);
}

/** Nested in fleet's own node_modules, or hoisted beside it. */
function installedBinary(runtime: PinnedRuntime, root: string): string | null {
  for (let directory = root; ; directory = dirname(directory)) {
    const path = join(directory, 'node_modules', runtime.package, 'bin', 'node');
    if (existsSync(path)) return path;
    if (dirname(directory) === directory) return null;
  }
}
