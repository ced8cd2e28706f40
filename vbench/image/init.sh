#!/bin/busybox sh
# The first program of a guest. Every program that it starts costs 15 to 25 ms under TCG: hence one mount -a, by fstab.
PATH=/bin
fail() {
    echo "vbench: the guest could not start: $1"
    poweroff -f
    exit 1
}
read -r modules </modules
# A module for another CPU may refuse to load; whether what is needed came up shows below.
# shellcheck disable=SC2086 # the names are words
modprobe -a $modules
tries=0
until mount -a 2>/failed; do
    tries=$((tries + 1))
    if [ "$tries" -gt 50 ]; then
        read -r why </failed
        fail "$why"
    fi
    sleep 0.1
done
mkdir /root/run/vbench
cp /agent.pyz /root/run/vbench/agent.pyz || fail "its initramfs holds no /agent.pyz"
# Not `python3 agent.pyz`: finding out that this is a zip with a __main__ in it costs 100 ms under TCG.
start='import sys; sys.path.insert(0, "/run/vbench/agent.pyz"); from agent.first import main; main()'
exec switch_root /root /usr/bin/python3 -I -S -c "$start" init
