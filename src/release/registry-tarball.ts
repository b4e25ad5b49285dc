import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import * as z from 'zod';
import { FleetError } from '../model/errors.ts';
import type { PinnedRuntime } from './runtime-versions.ts';

const METADATA_TIMEOUT_MS = 30_000;
const TARBALL_TIMEOUT_MS = 900_000;
const tarBlock = 512;

const metadataSchema = z.object({ dist: z.object({ tarball: z.url() }) });

/**
 * The registry that npm uses, asked of npm itself. Without a slash at the end. Error `transfer`
 * where there is no npm.
 */
export async function configuredRegistry(
  environment: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  try {
    const asked = await promisify(execFile)('npm', ['config', 'get', 'registry'], {
      env: environment,
      timeout: METADATA_TIMEOUT_MS,
    });
    return asked.stdout.trim().replace(/\/+$/, '');
  } catch (cause) {
    throw new FleetError('transfer', 'npm could not be asked for its registry', {
      hint: 'name one as runtime_mirror in the inventory',
      cause,
    });
  }
}

/**
 * Fetches the runtime's npm package from `registry` and gives back the Node binary. The tarball
 * counts only with its pinned integrity.
 * Error `transfer` when the registry does not answer, lacks it, or sends something else.
 */
export async function fetchRuntime(runtime: PinnedRuntime, registry: string): Promise<Buffer> {
  const what = `${runtime.package}@${runtime.version}`;
  const metadata = metadataSchema.safeParse(
    await (
      await request(`${registry}/${runtime.package}/${runtime.version}`, what, METADATA_TIMEOUT_MS)
    ).json(),
  );
  if (!metadata.success) throw unusable(what, 'its metadata names no tarball');
  const tarball = Buffer.from(
    await (await request(metadata.data.dist.tarball, what, TARBALL_TIMEOUT_MS)).arrayBuffer(),
  );
  const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
  if (integrity !== runtime.integrity) throw unusable(what, 'its content is not the pinned one');
  const binary = fileInTar(await promisify(gunzip)(tarball), 'package/bin/node');
  if (binary === null) throw unusable(what, 'it holds no bin/node');
  return binary;
}

async function request(url: string, what: string, timeoutMs: number): Promise<Response> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    if (response.ok) return response;
    throw unusable(what, `the registry answered ${response.status}`);
  } catch (cause) {
    if (cause instanceof FleetError) throw cause;
    throw new FleetError('transfer', `${what} could not be fetched`, { hint: registryHint, cause });
  }
}

const registryHint =
  'check runtime_mirror in the inventory, npm’s registry setting and the network';
const unusable = (what: string, why: string): FleetError =>
  new FleetError('transfer', `${what} could not be used: ${why}`, { hint: registryHint });

/** The content of the regular file `path` in an uncompressed ustar archive, or null. */
export function fileInTar(archive: Buffer, path: string): Buffer | null {
  for (let at = 0; at + tarBlock <= archive.length; ) {
    const name = archive.toString('utf8', at, at + 100).replace(/\0.*$/s, '');
    if (name === '') return null;
    const size = Number.parseInt(archive.toString('latin1', at + 124, at + 136), 8);
    if (!Number.isSafeInteger(size) || size < 0) return null;
    if (name === path) return archive.subarray(at + tarBlock, at + tarBlock + size);
    at += tarBlock + Math.ceil(size / tarBlock) * tarBlock;
  }
  return null;
}
