/** Debian testing, the nearest to Ubuntu 26.04: systemd 258 or later, sudo-rs, uutils. */
import { tellStory } from './story.ts';

tellStory('testing');
