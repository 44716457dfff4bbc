#!/bin/sh
# Writes a configuration file for GATEWAY in which every setting is commented out, with its default.
# Usage: default-config.sh GATEWAY FILE
set -eu
{
  cat <<END
# Settings of echogw; see echogw(8). Every setting is shown with its default. An ECHOGW_... variable
# in /etc/echogw/echogw.env has precedence. Check a change with
#   echogw --config /etc/echogw/echogw.toml --print-config

END
  env -i "$1" --print-config | sed -E 's/  # default.*//; s/^([^#])/#\1/'
} >"$2"
