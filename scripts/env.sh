#!/bin/sh
# Install the system packages and make .venv; does nothing where all of it is there already. With the word `test` also
# what only tests need: engines and servers that a user brings, a browser, and readers of what vbench writes.
set -eu
cd "$(dirname "$0")/.."

sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
missing=
for package in $(cat scripts/packages.txt ${1:+"scripts/packages-$1.txt"}); do
    dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
if [ -n "$missing" ]; then
    echo "installing:$missing"
    policy=/usr/sbin/policy-rc.d # some bring a service with them, such as docker's: none is started
    if ! [ -e "$policy" ]; then
        trap '$sudo rm -f "$policy"' EXIT
        trap 'exit 1' HUP INT TERM
        printf '#!/bin/sh\nexit 101\n' | $sudo install -m 755 /dev/stdin "$policy"
    fi
    $sudo apt-get -qq update
    # shellcheck disable=SC2086 # the names are words
    DEBIAN_FRONTEND=noninteractive $sudo apt-get -qq install --yes --no-install-recommends $missing >/dev/null
fi

stamp=.venv/installed
if ! [ "$stamp" -nt pyproject.toml ]; then
    [ -x .venv/bin/python ] || python3 -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
    touch "$stamp"
fi
