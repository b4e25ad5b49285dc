import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { modelDisk, modelRoot } from './model-disk.ts';

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW, O_DIRECTORY } = fs.constants;
type Disk = Pick<typeof fs, keyof typeof modelDisk>;

/** One call below `base`; what it gives, or its error code. */
type Act = (disk: Disk, base: string) => unknown;

const names = ['a', 'b', 'd', 'd/a', 'd/e', 'd/e/a'] as const;
const path = fc.constantFrom(...names);
/** Links are no parts of other paths, as on a host. */
const linkPath = fc.constantFrom('l', 'd/l', 'd/e/l');
const either = fc.oneof(path, linkPath);
/** None of them is above another one. */
const apart = fc.constantFrom('a', 'b', 'd/a', 'd/e/a', 'l');
const text = fc.string({ maxLength: 8 });
const flags = fc.constantFrom(
  ...[O_RDONLY, O_RDONLY | O_NOFOLLOW, O_WRONLY, O_RDWR | O_NOFOLLOW, O_RDONLY | O_DIRECTORY],
  ...[O_WRONLY | O_CREAT, O_WRONLY | O_CREAT | O_EXCL, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW],
);

function writeAndRead(disk: Disk, at: string, how: number, content: string): unknown {
  const descriptor = disk.openSync(at, how, 0o600);
  try {
    if (how === O_RDONLY || (how & O_DIRECTORY) !== 0)
      return disk.fstatSync(descriptor).isDirectory();
    if ((how & (O_WRONLY | O_RDWR)) !== 0)
      disk.writeSync(descriptor, Buffer.from(content), 0, Buffer.byteLength(content), 1);
    const stat = disk.fstatSync(descriptor);
    return stat.isFile() ? stat.size : 'a directory';
  } finally {
    disk.closeSync(descriptor);
  }
}

const act: fc.Arbitrary<Act> = fc.oneof(
  path.map(
    (name): Act =>
      (disk, base) =>
        disk.mkdirSync(join(base, name)),
  ),
  path.map(
    (name): Act =>
      (disk, base) =>
        void disk.mkdirSync(join(base, name), { recursive: true }),
  ),
  fc.tuple(path, text).map(
    ([name, content]): Act =>
      (disk, base) =>
        disk.writeFileSync(join(base, name), content),
  ),
  fc.tuple(either, flags, text).map(
    ([name, how, content]): Act =>
      (disk, base) =>
        writeAndRead(disk, join(base, name), how, content),
  ),
  path.map(
    (name): Act =>
      (disk, base) =>
        disk.readFileSync(join(base, name), 'utf8'),
  ),
  path.map(
    (name): Act =>
      (disk, base) =>
        [...disk.readdirSync(join(base, name))].sort(),
  ),
  path.map(
    (name): Act =>
      (disk, base) =>
        disk.existsSync(join(base, name)),
  ),
  path.map(
    (name): Act =>
      (disk, base) =>
        disk.lstatSync(join(base, name), { throwIfNoEntry: false })?.isSymbolicLink(),
  ),
  path.map(
    (name): Act =>
      (disk, base) =>
        disk.statSync(join(base, name)).isFile(),
  ),
  path.map(
    (name): Act =>
      (disk, base) =>
        disk.readlinkSync(join(base, name)),
  ),
  path.map(
    (name): Act =>
      (disk, base) =>
        disk.realpathSync(join(base, name)).slice(base.length),
  ),
  path.map(
    (name): Act =>
      (disk, base) =>
        disk.rmSync(join(base, name), { force: true, recursive: true }),
  ),
  path.map(
    (name): Act =>
      (disk, base) =>
        disk.rmSync(join(base, name)),
  ),
  path.map(
    (name): Act =>
      (disk, base) =>
        disk.rmdirSync(join(base, name)),
  ),
  fc.tuple(apart, apart).map(
    ([from, to]): Act =>
      (disk, base) =>
        disk.renameSync(join(base, from), join(base, to)),
  ),
  fc.tuple(apart, apart).map(
    ([from, to]): Act =>
      (disk, base) =>
        disk.linkSync(join(base, from), join(base, to)),
  ),
  fc.tuple(fc.constantFrom('a', 'd', 'e/a', 'none'), linkPath).map(
    ([to, at]): Act =>
      (disk, base) =>
        disk.symlinkSync(to, join(base, at)),
  ),
);

function outcome(run: Act, disk: Disk, base: string): unknown {
  try {
    return run(disk, base);
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    return (error as NodeJS.ErrnoException).code;
  }
}

describe('the disk of the model', () => {
  it('does what the real one does, with the same error codes', () => {
    let runs = 0;
    fc.assert(
      fc.property(fc.array(act, { maxLength: 25 }), (acts) => {
        runs += 1;
        const real = fs.mkdtempSync(join(tmpdir(), 'fleet-disk-'));
        const model = `${modelRoot}/contract-${runs}`;
        modelDisk.mkdirSync(model);
        try {
          for (const [index, run] of acts.entries())
            expect([index, outcome(run, modelDisk as unknown as Disk, model)]).toEqual([
              index,
              outcome(run, fs, real),
            ]);
        } finally {
          fs.rmSync(real, { recursive: true });
        }
      }),
      { numRuns: 300 },
    );
  });
});
