/**
 * What hosts run for a copy: scripts that read what is wanted line by line from standard input, so
 * that neither names nor lengths depend on what a command line can hold. Pure.
 *
 * Every path is reached from the folder that the operator named, and entered by its inode: a
 * symbolic link on the way, or one that somebody puts there meanwhile, ends the copy.
 */

/** A name as one word that holds nothing which `read` or a terminal obeys; `printf %b` reads it. */
export const hostWord = (text: string): string =>
  [...Buffer.from(text)]
    .map((byte) =>
      /[A-Za-z0-9._/-]/.test(String.fromCharCode(byte))
        ? String.fromCharCode(byte)
        : `\\0${byte.toString(8).padStart(3, '0')}`,
    )
    .join('');

/** Slowest way that time-outs allow for, bytes per second (0.5 Mbit/s). */
export const slowestBytesPerS = 64 * 1024;
/**
 * A host gives a file up after this and the time of its bytes on the slowest way, s: sshd itself
 * may hold a connection that fell silent for hours, and with it what is there of the file.
 */
const silenceS = 120;

/** Exit codes of the scripts: what was in the way, which `words` of the host say more of. */
export const stops = {
  /** The folder that was named cannot be entered. */
  base: 70,
  link: 71,
  folder: 72,
  special: 73,
  /** The host's own words say why. */
  refused: 74,
  changed: 75,
  missing: 76,
} as const;

const common = `export LC_ALL=C; umask 077; set -C; b=; nl='
'
say() { printf '%s\\n' "$1"; }
put() {
p=$1
case $p in *\\\\*) p=$(printf '%b.' "$p"); p=\${p%.};; esac
}
stand() { b=$(pwd -P; echo .); b=\${b%?.}; b=\${b%/}; }
enter() {
cd -P -- "$b/" || return
[ "$1" ] || return 0
cd -P -- "./$1" 2>/dev/null && [ "$(pwd -P; echo .)" = "$b/$1$nl." ]
}
`;

/**
 * Answers a line for each: `missing`, `folder`, `file` (another one, or one that cannot be read),
 * `same` (content and mode), `link`, `special`, `closed`.
 */
export const lookScript = `${common}gone=
file() {
if [ -L "./$p" ]; then say link
elif [ -d "./$p" ]; then say folder
elif [ -f "./$p" ]; then
if [ "$(stat -c '%s %a' "./$p" 2>&1)" = "$s $m" ] && g=$(sha256sum 2>&1 < "./$p") &&
[ "\${g%% *}" = "$h" ]; then say same; else say file; fi
elif [ -e "./$p" ]; then say special
else say missing; fi
}
while read -r k m s h e; do
put "$e"
case $k in
B) if [ "$m" = make ] && [ ! -e "$p" ] && [ ! -L "$p" ] && ls -d "\${p%/*}/." > /dev/null; then
say missing; gone=all
elif cd -P -- "$p/" 2> /dev/null; then stand; say folder
else ls -d "$p/." > /dev/null; exit ${stops.base}; fi;;
D) if [ "$gone" = all ]; then say missing
elif enter "$p"; then say folder; gone=
else gone=one; q=$b/$p
if [ -L "$q" ]; then say link
elif [ -d "$q" ]; then say closed
elif [ -e "$q" ]; then say file
else say missing; fi; fi;;
F) if [ "$gone" ]; then say missing; else file; fi;;
E) say end; exit 0;;
esac
done
exit ${stops.refused}
`;

/**
 * Takes the bytes of each file behind its line, into a file of an unguessable name beside it, and
 * answers `ok` when it is in its place. `token`: letters and digits.
 */
export const sendScript = (token: string): string => `${common}t=
trap '[ ! "$t" ] || rm -f "./$t"' EXIT; trap 'exit ${stops.refused}' HUP INT TERM PIPE
while read -r k m s h e; do
put "$e"
case $k in
B) if [ "$m" = make ] && [ ! -e "$p" ] && [ ! -L "$p" ]; then
mkdir -m 0755 "$p" || exit ${stops.refused}; fi
cd -P -- "$p/" || exit ${stops.base}; stand;;
D) if ! enter "$p"; then
case $p in */*) enter "\${p%/*}" || exit ${stops.link};; *) enter '';; esac
[ ! -L "./\${p##*/}" ] || exit ${stops.link}
mkdir -m 0755 "./\${p##*/}" || exit ${stops.refused}
enter "$p" || exit ${stops.link}; fi;;
F) n=./$p
[ ! -L "$n" ] || exit ${stops.link}
[ ! -d "$n" ] || exit ${stops.folder}
[ ! -e "$n" ] || [ -f "$n" ] || exit ${stops.special}
t=.fleet-cp-${token}
exec 3> "./$t" || exit ${stops.refused}
timeout --foreground $((${silenceS} + s / ${slowestBytesPerS})) \\
dd bs=65536 iflag=fullblock,count_bytes count="$s" conv=fsync status=none >&3 || exit ${stops.refused}
g=$(sha256sum < /proc/self/fd/3) || exit ${stops.refused}
[ "\${g%% *}" = "$h" ] || exit ${stops.changed}
chmod "$m" /proc/self/fd/3 || exit ${stops.refused}
exec 3>&-
mv -fT "./$t" "$n" || exit ${stops.refused}
t=; say ok;;
E) say end; exit 0;;
esac
done
exit ${stops.changed}
`;

/**
 * Answers records that end in NUL: `file MODE SIZE`, or `folder`, for each thing in it `TYPE MODE
 * SIZE PATH`, and `end CODE`, which is missing where there are more than `most`.
 */
export const listScript = (most: number, depth: number): string => `${common}read -r e; put "$e"
if [ -d "$p" ]; then
cd -P -- "$p/" || exit ${stops.refused}
{ printf 'folder\\0'
find . -mindepth 1 -maxdepth ${depth} -printf '%y %m %s %P\\0'; printf 'end %s\\0' $?; } |
head -z -n ${most + 2}
elif [ -f "$p" ]; then stat -L --printf 'file %a %s\\0end 0\\0' "$p" || exit ${stops.refused}
elif [ -e "$p" ]; then exit ${stops.special}
else ls -d "$p" > /dev/null; exit ${stops.missing}; fi
`;

/**
 * Answers for each file `same`, or `file HASH` and then as many bytes as its line says. `T`: it was
 * named, and may be a link.
 */
export const fetchScript = `${common}while read -r k m s h e; do
put "$e"
case $k in
B) cd -P -- "$p/" || exit ${stops.base}; stand;;
D) enter "$p" || exit ${stops.link};;
F|T) n=./$p
[ $k = T ] || [ ! -L "$n" ] || exit ${stops.link}
[ -f "$n" ] || exit ${stops.changed}
exec 3< "$n" || exit ${stops.refused}
g=$(head -c "$s" < /proc/self/fd/3 | sha256sum); g=\${g%% *}
if [ "$g" = "$h" ]; then say same
else say "file $g"; head -c "$s" <&3 || exit ${stops.refused}; fi
exec 3<&-;;
E) say end; exit 0;;
esac
done
exit ${stops.refused}
`;

/** Lines for these scripts. */
export const baseLine = (path: string, isMade: boolean): string =>
  `B ${isMade ? 'make' : '-'} 0 - ${hostWord(path)}\n`;
export const folderLine = (below: string): string => `D - 0 - ${hostWord(below)}\n`;
export const fileLine = (
  name: string,
  { mode, size, sha256 }: { readonly mode: number; readonly size: number; readonly sha256: string },
  kind: 'F' | 'T' = 'F',
): string => `${kind} ${mode.toString(8)} ${size} ${sha256 || '-'} ${hostWord(name)}\n`;
export const endLine = 'E - 0 - -\n';

/** The lines of entries in order: a folder's line where the folder changes. */
export function foldersOf(): (below: string) => { readonly line: string; readonly name: string } {
  let at = '';
  return (below) => {
    const slash = below.lastIndexOf('/');
    const folder = below.slice(0, Math.max(0, slash));
    const line = folder === at ? '' : folderLine(folder);
    at = folder;
    return { line, name: below.slice(slash + 1) };
  };
}
