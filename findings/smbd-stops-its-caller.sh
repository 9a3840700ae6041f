#!/bin/sh
# SPDX-License-Identifier: ISC
# smbd in the foreground, told to stop, and the script that started it.
#
# Expected: smbd -F --no-process-group makes no process group of its own, for
# supervisors, and ends itself and its children on SIGTERM.
# True: it sends SIGTERM to its whole process group, as it does in a group of
# its own: the shell, make or timeout that started it ends too, in the middle
# of what it was doing.  Without the option, -F makes a group, and the caller
# lives on; but then Ctrl-C does not reach it.
#
# samba 4.17.12.  As root.

set -u
export LC_ALL=C
command -v smbd >/dev/null || { echo 'no smbd: samba'; exit 77; }
[ "$(id -u)" = 0 ] || { echo 'not root'; exit 77; }
folder=$(mktemp -d) || exit
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit
smbd --version
mkdir state
cat >smb.conf <<CONF
[global]
	interfaces = 127.0.0.1
	bind interfaces only = yes
	disable spoolss = yes
	load printers = no
	smb ports = 4459
	private dir = $folder/state
	lock directory = $folder/state
	state directory = $folder/state
	cache directory = $folder/state
	pid directory = $folder/state
	ncalrpc dir = $folder/state/rpc
	log file = $folder/log
CONF

# try OPTION...: a caller in a group of its own, which says when it ends how.
try() {
	rm -f state/smbd.pid caller
	# shellcheck disable=SC2016 # for the caller
	setsid timeout --foreground 30 sh -c '
		trap "echo told >caller" TERM
		"$@" &
		wait $!
		[ -e caller ] || echo "not told" >caller
	' sh smbd -F -s smb.conf "$@" >log 2>&1 &
	for _ in $(seq 100); do
		[ -s state/smbd.pid ] && break
		sleep 0.1
	done
	read -r pid <state/smbd.pid || { cat log; exit 1; }
	kill -TERM "$pid"
	for _ in $(seq 100); do
		[ -e caller ] && ! kill -0 "$pid" 2>/dev/null && break
		sleep 0.1
	done
	wait
	echo "smbd -F $*: the caller was $(cat caller 2>&1)"
}

own=$(try)
shared=$(try --no-process-group)
printf '%s\n%s\n' "$own" "$shared"
if [ "$own" != 'smbd -F : the caller was not told' ] ||
    [ "$shared" != 'smbd -F --no-process-group: the caller was told' ]; then
	echo 'This has changed.'
	exit 1
fi
echo 'As recorded: it stops its caller.'
