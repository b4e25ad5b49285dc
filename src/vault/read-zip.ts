import { type Entry, fromFd, type ZipFile } from 'yauzl';

export interface ZipLimits {
  /** By the path in the archive. */
  readonly isWanted: (path: string) => boolean;
  /** Bytes of one file, unpacked; a larger one is passed over. */
  readonly fileLimit: number;
  /** Names in the archive. */
  readonly nameLimit: number;
}

/** Unpacked at most, all wanted files together. */
const wantedLimit = 100;

const opened = (fd: number): Promise<ZipFile> =>
  new Promise((resolve, reject) => {
    // yauzl refuses paths that lead out of the archive, and checks each file's size as it unpacks.
    fromFd(fd, { lazyEntries: true, autoClose: false }, (error, zip) =>
      error === null ? resolve(zip) : reject(error),
    );
  });

const unpack = (zip: ZipFile, entry: Entry): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) => {
      if (error !== null) return reject(error);
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('error', reject);
      stream.on('end', () => resolve(Buffer.concat(parts)));
    });
  });

/**
 * The wanted files of an archive in memory, by their names without folders; null: it is damaged.
 * The descriptor stays open. Never rejects.
 */
export const readZip = async (
  fd: number,
  { isWanted, fileLimit, nameLimit }: ZipLimits,
): Promise<ReadonlyMap<string, Buffer> | null> => {
  const files = new Map<string, Buffer>();
  let taken = 0;
  try {
    const zip = await opened(fd);
    if (zip.entryCount > nameLimit) return null;
    await new Promise<void>((resolve, reject) => {
      zip.on('end', resolve);
      zip.on('error', reject);
      zip.on('entry', (entry: Entry) => {
        // Counted by what is unpacked: an archive may hold one name a thousand times.
        const isTaken =
          isWanted(entry.fileName) && entry.uncompressedSize <= fileLimit && taken < wantedLimit;
        if (isTaken) taken += 1;
        const done = isTaken
          ? unpack(zip, entry).then(
              (content) => void files.set(entry.fileName.replace(/^.*\//s, ''), content),
            )
          : Promise.resolve();
        done.then(() => zip.readEntry(), reject);
      });
      zip.readEntry();
    });
    return files;
  } catch {
    return null;
  }
};
