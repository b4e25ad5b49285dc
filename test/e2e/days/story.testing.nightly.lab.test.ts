/**
 * Debian testing, the nearest to Ubuntu 26.04: systemd 258 or later, with sudo-rs and uutils as the
 * programs that run.
 */
import { tellStory } from './story.ts';

tellStory('testing', {
  'systemctl --version': /^systemd 2(5[89]|[6-9]\d)/,
  'sudo --version': /^sudo-rs /,
  'stat --version; ls --version; mv --version; cp --version; chroot --version':
    /^(.*uutils.*\n?){5}$/,
});
