#!/bin/sh
# Makes an environment and installs a lock into it. Usage: sh scripts/setup.sh run|dev|spark
#
# run and dev share .venv. Spark itself and the client of Spark Connect that dev has exclude each other, so spark has
# .venv-spark. What is installed already is not installed again: a copy of the lock in the environment, written last,
# stands for it. An environment that was left half made, that was moved, or whose Python is gone is made anew.
set -eu

lock=$1
here=$(pwd -P)
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_USER=0
case $lock in
    spark) venv=.venv-spark ;;
    *) venv=.venv ;;
esac

fail() {
    echo "$1" >&2
    exit 1
}

is_recent() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        is_recent "$PYTHON" || fail "$PYTHON is not a Python 3.11 or later, which is needed."
        echo "$PYTHON"
        return
    fi
    for candidate in python3 python3.13 python3.12 python3.11; do
        if is_recent "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    fail "No Python 3.11 or later was found. Install one, or name it: make build PYTHON=/path/to/python3"
}

# Spark comes as source, which setuptools builds: the one in the lock, and not one that pip would fetch without a hash.
install_lock() {
    awk '/^setuptools==/ { ours = 1; print; next } /^[^ ]/ { ours = 0 } ours' "requirements/$lock.txt" \
        > "$venv/setuptools.txt"
    "$venv/bin/pip" install --quiet --no-deps --require-hashes -r "$venv/setuptools.txt" || return 1
    "$venv/bin/pip" install --quiet --no-deps --require-hashes --no-build-isolation -r "requirements/$lock.txt"
}

pip=$("$venv/bin/pip" --version 2>/dev/null || true)
if [ -e "$venv/installing" ]; then
    pip=
fi
case $pip in
    *" $here/$venv/"*) ;;
    *)
        python=$(find_python)
        echo "Making $venv with $("$python" --version)."
        "$python" -m venv --clear "$venv" || fail "$python cannot make a virtual environment. On Debian and Ubuntu the \
package python3-venv is missing (apt install python3-venv); or name another Python: make build PYTHON=/path/to/python3"
        ;;
esac

if ! cmp -s "requirements/$lock.txt" "$venv/installed-$lock.txt"; then
    echo "Installing requirements/$lock.txt into $venv; it takes a minute, and only when this file has changed."
    touch "$venv/installing"
    if ! install_lock; then
        rm "$venv/installing"
        fail "The packages could not be installed; pip says why above. Run the same command again to go on."
    fi
    # dev.txt holds all of run.txt, in the same versions.
    if [ "$lock" = dev ]; then
        cp requirements/run.txt "$venv/installed-run.txt"
    fi
    cp "requirements/$lock.txt" "$venv/installed-$lock.txt"
    rm "$venv/installing"
fi

# The package of the project, from src/: no network, as what builds it is in the lock. Its loops are compiled here, once.
if ! cmp -s pyproject.toml "$venv/installed-package.toml"; then
    "$venv/bin/pip" install --quiet --no-deps --no-build-isolation --no-index --editable . \
        || fail "The package in src/ could not be installed; pip says why above."
    "$venv/bin/python" -m customer_segmentation
    cp pyproject.toml "$venv/installed-package.toml"
fi

# The adapter for Spark. dbt finds no adapter that is installed as editable, so its sources are copied, from a folder of
# their own: what an earlier build left beside them would be installed too.
if [ "$lock" != run ]; then
    source=adapters/sparksession
    cat "$source/pyproject.toml" "$source"/dbt/*/sparksession/*.* "$source"/dbt/include/sparksession/macros/* \
        > "$venv/adapter.txt"
    if ! cmp -s "$venv/adapter.txt" "$venv/installed-adapter.txt"; then
        rm -rf "$venv/adapter"
        mkdir "$venv/adapter"
        cp -R "$source/pyproject.toml" "$source/README.md" "$source/dbt" "$venv/adapter"
        "$venv/bin/pip" install --quiet --no-deps --no-build-isolation --no-index --force-reinstall "./$venv/adapter" \
            || fail "The package in $source could not be installed; pip says why above."
        rm -rf "$venv/adapter"
        mv "$venv/adapter.txt" "$venv/installed-adapter.txt"
    fi
fi
