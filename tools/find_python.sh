#!/bin/sh
# Prints a Python of this machine that the classifiers of pyproject.toml name: the newest, or with --oldest the oldest.
# It is looked for on PATH, among those of the system and those of pyenv; one that cannot make environments is no use.
order=-rn
[ "$1" = --oldest ] && order=-n
minors=$(sed -n 's/.*"Programming Language :: Python :: 3\.\([0-9]*\)".*/\1/p' "$(dirname "$0")/../pyproject.toml" | sort $order)
for minor in $minors; do
  for python in "$(command -v python3.$minor)" /usr/bin/python3.$minor /usr/local/bin/python3.$minor \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.$minor.*/bin/python; do
    "$python" -c "import ensurepip, sys, venv; sys.version_info[:2] == (3, $minor) and print(sys.executable)" 2>/dev/null |
      grep . && exit
  done
done
echo "found no Python 3.$(echo "$minors" | tr '\n' ' ' | sed 's/ $//; s/ /, 3./g') that makes environments; PYTHON=... names one" >&2
exit 1
