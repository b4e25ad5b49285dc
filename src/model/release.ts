/** Processor architectures that fleet has a runtime for, in Node's words. */
export type HostArch = 'x64' | 'arm64';

/** One file of a release: what is to lie at `path` below the release's directory on a host. */
export interface ReleaseFile {
  /** Relative, for example `lib/agent.mjs`. Without blanks. */
  readonly path: string;
  /** Octal permission bits, 0o644 or 0o755. */
  readonly mode: number;
  /** Of the content, hex. */
  readonly sha256: string;
  readonly bytes: number;
}

/** Everything of fleet's own that runs on a host. The same for all architectures. */
export interface HostRelease {
  /**
   * 16 hex digits: head of the SHA-256 over all paths, modes, contents and the runtime's version.
   */
  readonly id: string;
  /** Ordered by path. */
  readonly files: readonly ReleaseFile[];
}

/** The Node.js binary for one architecture. */
export interface HostRuntime {
  readonly arch: HostArch;
  readonly version: string;
  /** Of the uncompressed binary, hex. */
  readonly sha256: string;
  readonly bytes: number;
}

/** Compressed content on its way to a host. `bytes` is the exact sum of the lengths of `chunks`. */
export interface BlobStream {
  readonly bytes: number;
  readonly chunks: AsyncIterable<Uint8Array>;
}
