/** Debian 13: systemd 257, OpenSSH 10, apt 3. */
import { tellStory } from './story.ts';

tellStory('trixie');
