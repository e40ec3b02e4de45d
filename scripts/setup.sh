#!/bin/sh
# Creates an environment and installs a lock file into it. Usage: sh scripts/setup.sh run|dev|spark
#
# run and dev share .venv. Spark itself and the Spark Connect client in dev exclude each other, so spark has
# .venv-spark. A copy of the lock file in the environment, written last, marks a finished installation, which is not
# repeated. An environment that is incomplete, that was moved, or whose Python is missing is created again.
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

# Two that install at once would clear what the other has just installed.
claimed=
claim() {
    [ -z "$claimed" ] || return 0
    if [ -e "$venv.lock" ] && kill -0 "$(cat "$venv.lock")" 2>/dev/null; then
        fail "Another make is installing $venv (process $(cat "$venv.lock")). Wait until it has finished, and run the same \
command again. If there is none, remove $venv.lock."
    fi
    echo $$ > "$venv.lock"
    trap 'rm -f "$venv.lock"' EXIT
    trap 'exit 130' INT TERM
    claimed=1
}

is_recent() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        is_recent "$PYTHON" || fail "$PYTHON is not Python 3.11 or later, which is required."
        echo "$PYTHON"
        return
    fi
    for candidate in python3 python3.13 python3.12 python3.11; do
        if is_recent "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    fail "Python 3.11 or later was not found. Install it, or set its path: make build PYTHON=/path/to/python3"
}

# pyspark is a source distribution, built with the setuptools in the lock; pip would download another without a hash.
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
        # Clearing it would empty the folder that the link names, which may be the environment of another clone.
        [ ! -L "$venv" ] || fail "$venv is a link to $(readlink "$venv"), and not an environment of this folder. \
Remove the link (rm $venv), and run the same command again."
        claim
        python=$(find_python)
        echo "Creating $venv with $("$python" --version)."
        "$python" -m venv --clear "$venv" || fail "$python cannot create a virtual environment. On Debian and Ubuntu, \
install python3-venv (apt install python3-venv), or set another Python: make build PYTHON=/path/to/python3"
        ;;
esac

if ! cmp -s "requirements/$lock.txt" "$venv/installed-$lock.txt"; then
    claim
    echo "Installing requirements/$lock.txt into $venv. This takes a minute and is repeated only if the file changes."
    touch "$venv/installing"
    if ! install_lock; then
        rm "$venv/installing"
        fail "The packages could not be installed; see pip's message above. Run the same command again to retry."
    fi
    # dev.txt contains all packages of run.txt, in the same versions.
    if [ "$lock" = dev ]; then
        cp requirements/run.txt "$venv/installed-run.txt"
    fi
    cp "requirements/$lock.txt" "$venv/installed-$lock.txt"
    rm "$venv/installing"
fi

# An old release of DuckDB, in a folder of its own, with which tests open publications.
if [ "$lock" = dev ] && ! cmp -s requirements/old-duckdb.txt "$venv/old-duckdb/installed.txt"; then
    claim
    rm -rf "$venv/old-duckdb"
    "$venv/bin/pip" install --quiet --no-deps --require-hashes --target "$venv/old-duckdb" \
        -r requirements/old-duckdb.txt || fail "The old release of DuckDB could not be installed; see pip's message above."
    cp requirements/old-duckdb.txt "$venv/old-duckdb/installed.txt"
fi

# The package in src/ is installed without a network, because its build tools are in the lock. Its loops are compiled
# here, once.
if ! cmp -s pyproject.toml "$venv/installed-package.toml"; then
    claim
    "$venv/bin/pip" install --quiet --no-deps --no-build-isolation --no-index --editable . \
        || fail "The package in src/ could not be installed; see pip's message above."
    "$venv/bin/python" -m customer_segmentation
    cp pyproject.toml "$venv/installed-package.toml"
fi

# The adapter for Spark. dbt does not find adapters in editable installations, so the package is built from a clean
# copy: files left beside the sources by an earlier build would be installed too.
if [ "$lock" != run ]; then
    source=adapters/sparksession
    cat "$source/pyproject.toml" "$source"/dbt/*/sparksession/*.* "$source"/dbt/include/sparksession/macros/* \
        > "$venv/adapter.txt"
    if ! cmp -s "$venv/adapter.txt" "$venv/installed-adapter.txt"; then
        claim
        rm -rf "$venv/adapter"
        mkdir "$venv/adapter"
        cp -R "$source/pyproject.toml" "$source/README.md" "$source/dbt" "$venv/adapter"
        "$venv/bin/pip" install --quiet --no-deps --no-build-isolation --no-index --force-reinstall "./$venv/adapter" \
            || fail "The package in $source could not be installed; see pip's message above."
        rm -rf "$venv/adapter"
        mv "$venv/adapter.txt" "$venv/installed-adapter.txt"
    fi
fi
