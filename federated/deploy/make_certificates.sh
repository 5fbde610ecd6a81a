#!/bin/sh
# Make an authority, and its certificate for a server:
#   make_certificates.sh fl.example.org /etc/flower
# Clients need ca.crt, and the server ca.crt, server.crt and server.key. Keep ca.key apart from both.
set -eu
if [ $# -ne 2 ]
then
  echo "usage: $0 NAME-OR-ADDRESS FOLDER" >&2
  exit 2
fi
case $1 in
  *[!0-9.]*) name=DNS:$1 ;;
  *) name=IP:$1 ;;
esac
umask 077
mkdir -p "$2"
cd "$2"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 \
  -subj /CN=authority -keyout ca.key -out ca.crt
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
  -subj "/CN=$1" -keyout server.key -out server.csr
printf 'subjectAltName=%s\n' "$name" > server.ext
openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 \
  -extfile server.ext -out server.crt
rm server.csr server.ext
chmod 644 ca.crt server.crt
