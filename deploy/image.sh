#!/bin/sh
# Builds the image of coracle from a program that is built already: image.sh PROGRAM [NAME]
set -eu
program=$1 name=${2:-coracle}
here=$(dirname "$0")
authorities=/etc/ssl/certs/ca-certificates.crt
[ -r "$authorities" ] || { echo "image: $authorities is missing: install ca-certificates" >&2; exit 1; }
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
mkdir -p "$context/root/bin" "$context/root/tmp" "$context/root/etc/ssl/certs"
install -m 755 "$program" "$context/root/bin/coracle"
install -m 644 "$authorities" "$context/root/etc/ssl/certs/"
chmod 1777 "$context/root/tmp"
# The same program gives the same image.
tar -C "$context/root" --sort=name --owner=0 --group=0 --mtime=@0 -cf "$context/rootfs.tar" .
rm -rf "$context/root"
cp "$here/Dockerfile" "$context/"
docker build --quiet --tag "$name" "$context"
