#!/bin/sh
# Stops with a message of one sentence if Java is missing or too old for Spark. Usage: sh scripts/need_java.sh
set -eu

java=${JAVA_HOME:+$JAVA_HOME/bin/}java
version=$("$java" -version 2>&1 | sed -n '1s/^[^"]*"\([0-9]*\).*/\1/p') || version=
if [ -z "$version" ] || [ "$version" -lt 17 ]; then
    echo "Spark needs Java 17 or later (apt install openjdk-17-jre-headless); \`$java -version\` says ${version:-none}." >&2
    exit 1
fi
