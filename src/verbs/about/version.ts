import { defineErrand } from '../verb.ts';

/** `fleet version`. */
export const version = defineErrand({
  name: 'version',
  group: 'about',
  summary: 'print the versions of fleet and of its Node.js, and where fleet is installed',
  input: {},
  examples: [
    ['version', 'for a bug report'],
    ['version --json', 'for programs'],
  ],
  files: [],
  effects: 'nothing',
  async run() {
    const [{ packageRoot }, { readFile }, { join }] = await Promise.all([
      import('../../release/package-root.ts'),
      import('node:fs/promises'),
      import('node:path'),
    ]);
    const root = packageRoot();
    const manifest: unknown = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    const found =
      typeof manifest === 'object' && manifest !== null && 'version' in manifest
        ? String(manifest.version)
        : 'unknown';
    return {
      fleet: found,
      node: process.version,
      platform: `${process.platform}-${process.arch}`,
      path: root,
    };
  },
  toJson: (found) => found,
});
