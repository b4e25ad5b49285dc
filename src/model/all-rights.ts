/**
 * The commands that need all rights of root on a host, and log in as `ssh.init_user` where sudo was
 * narrowed. In the order of a host's life.
 */
export const allRightsCommands =
  'init, patch, reboot, doctor, uninstall, exec --root and cp --sudo';
