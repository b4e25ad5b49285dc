import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FleetError } from '../model/errors.ts';

/**
 * The directory of fleet's own package: holds `templates`, and `dist` where it was built. The same
 * from sources and from a bundle.
 */
export function packageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'templates', 'profiles'))) {
    const above = dirname(directory);
    if (above === directory)
      throw new FleetError('bug', 'fleet’s own templates are missing', {
        hint: 'install fleet again',
      });
    directory = above;
  }
  return directory;
}
