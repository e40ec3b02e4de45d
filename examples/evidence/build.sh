#!/bin/sh
# Builds the site from a publication. Usage: sh examples/evidence/build.sh [folder of the publication] [output folder]
# With --check, only says in one sentence what is missing; with --publication, which folder it reads by default.
set -eu

project=$(cd "$(dirname "$0")/../.." && pwd -P)

# The publications are beside the warehouse; where the warehouse is a link, beside the file that it names.
current() {
    cd "$project"
    warehouse=${SEGMENTATION_WAREHOUSE:-warehouse.duckdb}
    warehouse=$(readlink -f "$warehouse" || echo "$warehouse")
    echo "${SEGMENTATION_PUBLICATIONS:-$(dirname "$warehouse")/publications}/current"
}

if [ "${1:-}" = --publication ]; then
    current
    exit
fi
publication=${1:-$(current)}
output=${2:-$project/reports/output/evidence}
node=$(node --version 2>/dev/null | sed -n 's/^v\([0-9]*\).*/\1/p') || node=

if [ -z "$node" ] || [ "$node" -lt 18 ] || ! command -v npm >/dev/null; then
    echo "Evidence needs Node.js 18 or later with npm (apt install nodejs npm); node --version says ${node:-nothing}." >&2
    exit 1
fi
[ "${1:-}" != --check ] || exit 0
if [ ! -f "$publication/segments.duckdb" ]; then
    echo "There is no publication in $publication; make publish creates one." >&2
    exit 1
fi
mkdir -p "$output"
publication=$(cd "$publication" && pwd -P)
output=$(cd "$output" && pwd -P)

cd "$project/examples/evidence"
if ! cmp -s package-lock.json node_modules/installed.json; then
    echo "Installing package-lock.json into examples/evidence/node_modules (600 MB). This takes a minute."
    npm ci --ignore-scripts --loglevel error
    cp package-lock.json node_modules/installed.json
fi

# Every query reads the same publication, even if another one is published meanwhile.
ln -sfn "$publication/segments.duckdb" sources/marts/segments.duckdb
rm -rf .evidence build
npm run --silent sources
npm run --silent build
rm -rf "$output"
mv build "$output"
echo "The site is in $output. A web server must serve it: python3 -m http.server --bind 127.0.0.1 --directory $output"
