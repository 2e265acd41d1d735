#!/bin/sh
# network.sh: makes and ends faults of the network in which it runs, with nft(8) and tc(8). It is handed to `sh -s` in
# a container beside a node, in the node's network. Each fault has a table of its own, so they do not disturb each
# other, and removing a table undoes its fault. A table appears and goes as a whole.
#   make partition ADDRESS...   drops all packets but those from and to these addresses
#   make cut ADDRESS...         drops the packets from and to these addresses
#   make loss PARTS             drops so many of 100000 packets, at random
#   make bandwidth BYTES        drops packets above so many bytes per second, each way
#   make delay MILLISECONDS     delays the packets that are sent
#   make no-dns                 refuses questions to name servers
#   make silent-dns             drops the answers of name servers
#   end FAULT                   undoes it; what is undone already is a success
set -eu
HANDLE=c0de: # of our queueing discipline
# Before connections are tracked: Docker translates the port of a question to its name server.
FIRST=-300
DOCKERS_NAME_SERVER=127.0.0.11

# table NAME: replaces our table of that name by the one on stdin.
table() {
  { echo "add table inet $1; delete table inet $1; table inet $1 {"; cat; echo "}"; } | nft -f -
}

# rules NAME BOTH IN OUT: a table that has these rules for all packets, those that come, those that go, but for the
# loopback interface.
rules() {
  table "$1" <<END
    chain come { type filter hook input priority $FIRST; iifname "lo" accept; $2; $3; }
    chain go { type filter hook output priority $FIRST; oifname "lo" accept; $2; $4; }
END
}

# set_of ADDRESS...: as nft reads it.
set_of() {
  echo "{ $(echo "$*" | sed 's/ /, /g') }"
}

# interfaces: prints the names of all but the loopback one; that one if there is no other.
interfaces() {
  found=''
  for place in /sys/class/net/*; do
    [ "$place" = /sys/class/net/lo ] || [ ! -d "$place" ] || found="$found ${place##*/}"
  done
  echo "${found:-lo}"
}

action=$1 fault=$2 name=condor_mini_$(echo "$2" | tr - _)
shift 2
case $action-$fault in
  make-partition)
    asks='meta l4proto { tcp, udp } th dport 53 accept' answers='meta l4proto { tcp, udp } th sport 53 accept'
    [ $# = 0 ] || asks="$asks; ip daddr $(set_of "$@") accept" answers="$answers; ip saddr $(set_of "$@") accept"
    rules "$name" '' "$answers; drop" "$asks; drop"
    ;;
  make-cut) rules condor_mini_partition '' "ip saddr $(set_of "$@") drop" "ip daddr $(set_of "$@") drop" ;;
  make-loss) rules "$name" "numgen random mod 100000 <= $(($1 - 1)) drop" '' '' ;;
  # A packet may be 64 KiB before it is cut for the wire: a smaller burst would let none of these pass.
  make-bandwidth) rules "$name" "limit rate over $1 bytes/second burst 65536 bytes drop" '' '' ;;
  make-delay)
    for interface in $(interfaces); do
      tc qdisc add dev "$interface" root handle $HANDLE netem delay "$1ms" limit 100000
    done
    ;;
  end-delay)
    for interface in $(interfaces); do
      tc qdisc show dev "$interface" | grep -q " $HANDLE .*root" || continue
      tc qdisc del dev "$interface" root
    done
    ;;
  make-no-dns)
    table "$name" <<END
      chain go { type filter hook output priority $FIRST; meta l4proto { tcp, udp } th dport 53 reject; }
END
    ;;
  make-silent-dns)
    # A question that is dropped would fail at once in who sends it.
    table "$name" <<END
      chain come {
        type filter hook input priority $FIRST
        meta l4proto { tcp, udp } th sport 53 drop
        ip saddr $DOCKERS_NAME_SERVER drop
      }
END
    ;;
  end-*) nft "add table inet $name; delete table inet $name" ;;
  *) echo "network.sh: $action $fault?" >&2; exit 2 ;;
esac
