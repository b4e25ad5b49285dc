# Python environments of custom workers, /opt/fleet/python/NAME: releases/ID with links to one of projects/ and one of venvs/, and `current`.
# What runs keeps its own release: a change makes a new one and switches `current` in one step.
# PY[name.interpreter|project|venv|release|entry|requirements|system|pip|files]; project, venv and release are digests of all that goes into them.
PYTHON_ROOT=/opt/fleet/python PYTHON_LEAST=11
declare -A PY=()
python_version() { # interpreter -> VERSION, for example 3.11; '' where there is none
  local at=$1; VERSION=
  look "$at" || return
  [[ $TARGET ]] && at=$TARGET
  if [[ ${at##*/} =~ ^python(3\.[0-9]+)$ ]]; then VERSION=${BASH_REMATCH[1]}; else VERSION=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])'); fi
}
py_places() { # name -> PY_BASE PY_VENV PY_RELEASE PY_PROJECT; false where the interpreter cannot be used, with the reason
  python_version "${PY[$1.interpreter]}"
  # What the package would bring.
  [[ ! $VERSION && ${OS[ID]-}:${OS[VERSION_ID]-} = ubuntu:22.04 && ${PY[$1.interpreter]} = /usr/bin/python3 ]] && VERSION=3.10
  if [[ ! $VERSION ]]; then
    [[ $MODE = check ]] || fail host-step "there is no ${PY[$1.interpreter]}" "add python3 and python3-venv to packages of the profile, or correct python.$1.interpreter"
    return 1
  fi
  [[ $VERSION = 3.* ]] && (( ${VERSION#3.} >= PYTHON_LEAST )) ||
    { fail host-unsupported "Python $VERSION is too old for custom workers, 3.$PYTHON_LEAST or newer is needed" "use Debian 12 or Ubuntu 24.04; or install a newer one on the host and name it in the profile: python.$1.interpreter: /usr/bin/python3.$PYTHON_LEAST"; return 1; }
  PY_BASE=$PYTHON_ROOT/$1; PY_PROJECT=$PY_BASE/projects/${PY[$1.project]} PY_VENV=$PY_BASE/venvs/${PY[$1.venv]}-$VERSION PY_RELEASE=${PY[$1.release]}-$VERSION
}
want_python() { # name
  local PY_BASE PY_VENV PY_RELEASE PY_PROJECT sha bytes mode path bad=0
  py_places "$1" || { [[ $FAIL_CODE ]] || todo "make the Python environment $1"; return; }
  if look "$PY_BASE/current" && [[ $TARGET = "releases/$PY_RELEASE" && -d $PY_BASE/$TARGET ]]; then
    while read -r sha bytes mode path; do sound "$PY_PROJECT/$path" "$bytes" "$mode" || (( bad++ )); done <<<"${PY[$1.files]}"
    (( bad )) && todo "repair $bad files of the project"
    [[ -e $PY_VENV/.complete && -x $PY_VENV/bin/python ]] || todo "make the venv (Python $VERSION) again"
    [[ -x $PY_BASE/current/run ]] || todo 'make its program run again'
    return
  fi
  look "$PY_BASE/current" || todo "make the Python environment $1 (Python $VERSION)"
  [[ -e $PY_VENV/.complete ]] || todo "make a venv${PY[$1.requirements]:+ from ${PY[$1.requirements]}}"
  want_project "$1"
  (( ${#P[@]} )) || todo "switch to release $PY_RELEASE"
}
want_project() { # name: which files of the current project differ
  local sha bytes mode path name=$1; local -A before=(); local -a sent=() gone=()
  read_text "$PY_BASE/current/files"
  while read -r sha bytes mode path; do [[ $path ]] && before[$path]="$sha $mode"; done <<<"$TEXT"
  while read -r sha bytes mode path; do
    [[ ${before[$path]-} = "$sha $mode" ]] || { sent+=("$path"); project_diff "$path"; }
    unset "before[$path]"
  done <<<"${PY[$name.files]}"
  gone=(${before[@]+"${!before[@]}"})
  some ${sent[@]+"${sent[@]}"}; [[ $J ]] && todo "send $J"
  some ${gone[@]+"${gone[@]}"}; [[ $J ]] && todo "take out $J"
  return 0
}
some() { # name... -> J, six at most
  local i=0 name; J=
  for name; do (( i++ < 6 )) && J+="${J:+, }$name"; done
  (( $# > 6 )) && J+=" and $(( $# - 6 )) more"
  return 0
}
project_diff() { # path: F_TEXT has it when differences are to be shown
  local at=$PY_BASE/current/project/$1
  [[ ${F_TEXT[$at]-} || ( ${F_TEXT[$at]+given} && -f $at ) ]] || return 0
  if [[ -f $at ]]; then show_diff "$at" "$at"; else show_diff "$at" /dev/null; fi
}

put_python() { # name
  local PY_BASE PY_VENV PY_RELEASE PY_PROJECT; local -a files; py_places "$1" || return
  mapfile -t files <<<"${PY[$1.files]}"
  mkdir -p -- "$PY_BASE"/{projects,venvs,releases} || { last_lines 1; fail host-step "cannot write to $PY_BASE: $LAST" 'is the file system full or mounted read-only?'; return; }
  fetch_blobs "${files[@]}" && link_blobs "$PY_PROJECT.new" "${files[@]}" || return
  rm -rf -- "$PY_PROJECT.old"; [[ -e $PY_PROJECT ]] && mv -T -- "$PY_PROJECT" "$PY_PROJECT.old"
  sync -f "$PY_PROJECT.new" && mv -T -- "$PY_PROJECT.new" "$PY_PROJECT" || { last_lines 1; fail host-step "cannot finish $PY_PROJECT: $LAST" 'is the file system full?'; return; }
  [[ -e $PY_VENV/.complete && -x $PY_VENV/bin/python ]] || put_venv "$1" || return
  # Accounts may not write here, so what Python would keep of its compiling is made now.
  "$PY_VENV/bin/python" -m compileall -q "$PY_PROJECT" || note 'some files of the project do not compile'
  put_python_release "$1" && prune_python
}
put_venv() { # name: in its place, because a venv cannot be moved; whole when .complete is there
  local -a options=() pip
  [[ ${PY[$1.system]} ]] && options+=(--system-site-packages)
  [[ ${PY[$1.requirements]} ]] || options+=(--without-pip)
  rm -rf -- "$PY_VENV"
  "${PY[$1.interpreter]}" -m venv ${options[@]+"${options[@]}"} "$PY_VENV" 3>&- 4>&- 9>&- || { last_lines 3; fail host-step "cannot make a venv: $LAST" 'add python3-venv to packages of the profile'; return; }
  if [[ ${PY[$1.requirements]} ]]; then
    note "pip installs ${PY[$1.requirements]}"
    read -ra pip <<<"${PY[$1.pip]}"
    # Not in /tmp, which may be small (in memory on Debian 13) or run no programs.
    local work="$PY_VENV/.build"; mkdir -p -- "$work"
    ( cd "$PY_PROJECT" && TMPDIR=$work exec timeout 1800 "$PY_VENV/bin/python" -m pip install -q --no-input --disable-pip-version-check --no-cache-dir --retries 2 --timeout 20 \
      ${pip[@]+"${pip[@]}"} -r "${PY[$1.requirements]}" ) 3>&- 4>&- 9>&- || { last_lines 4; rm -rf -- "$work"; pip_failed; return; }
    rm -rf -- "$work"
  fi
  sync -f "$PY_VENV"; : >"$PY_VENV/.complete"
}
pip_failed() {
  local hint='run the same on the host to see why: pip install -r, in a venv of your own'
  case $LAST in
    *HASH*) hint='a file is not the one that the requirements name by its hash: find out why before anything else';;
    *'No space left'*) hint='free some space, then run fleet init again';;
    *'Failed to establish'* | *'NewConnectionError'* | *'resolution'* | *'timed out'* | *'ProxyError'*) hint='the host cannot reach its package index: name another one as index in the profile, or put wheels beside the project and say index: none';;
    *'No matching distribution'* | *'Could not find a version'*) hint="neither the index nor the project's wheels have it: correct the requirements, or index and wheels in the profile";;
    *'command '*gcc* | *'error: command'* | *'Python.h'*) hint='it has to be compiled: build a wheel elsewhere and put it into the project';;
  esac
  fail host-step "pip could not install the requirements: $LAST" "$hint"
}
put_python_release() { # name
  local new=$PY_BASE/releases/.new
  rm -rf -- "$new" && mkdir -- "$new" && ln -s "../../projects/${PY_PROJECT##*/}" "$new/project" && ln -s "../../venvs/${PY_VENV##*/}" "$new/venv" &&
    printf '%s\n' "${PY[$1.files]}" >"$new/files" &&
    printf '%s\n' '#!/bin/sh' '# Written by fleet init. Becomes the worker, with the project and the venv of its own release also after a later fleet init.' \
      'here=$(dirname "$(readlink -f "$0")")' 'cd "$here/project" || exit 68' "exec \"\$here/venv/bin/python\" -u ${PY[$1.entry]} \"\$@\"" >"$new/run" &&
    chmod 755 "$new/run" && sync -f "$new" && rm -rf -- "$PY_BASE/releases/$PY_RELEASE" && mv -T -- "$new" "$PY_BASE/releases/$PY_RELEASE" &&
    ln -sfnT "releases/$PY_RELEASE" "$PY_BASE/current.fleet-new" && mv -fT "$PY_BASE/current.fleet-new" "$PY_BASE/current" && return
  last_lines 1; fail host-step "cannot switch $PY_BASE: $LAST" 'is the file system full or mounted read-only?'
}
# Keeps the current release and the newest other one, which accounts may still run; and what they use.
prune_python() {
  local dir n=0 used=' '; local -a all; mapfile -t all < <(ls -1t "$PY_BASE/releases"); set +f
  for dir in "${all[@]}"; do
    [[ $dir = "$PY_RELEASE" ]] || (( n++ == 0 )) || { rm -rf -- "$PY_BASE/releases/$dir"; continue; }
    used+="$(readlink "$PY_BASE/releases/$dir/venv") $(readlink "$PY_BASE/releases/$dir/project") "
  done
  for dir in "$PY_BASE"/venvs/* "$PY_BASE"/projects/*; do [[ $used = *" ../..${dir#"$PY_BASE"} "* ]] || rm -rf -- "$dir"; done
  find /opt/fleet/blobs -type f -links 1 -delete
  set -f
}
