#!/bin/sh
# Make a client's key, on the client:
#   make_supernode_key.sh /etc/flower/supernode
# The private key never leaves the client. Register the public one, /etc/flower/supernode.pub, at the
# server: flwr supernode register supernode.pub CONNECTION
set -eu
if [ $# -ne 1 ]
then
  echo "usage: $0 FILE" >&2
  exit 2
fi
ssh-keygen -q -t ecdsa -b 384 -N "" -C supernode -f "$1"
