#!/bin/busybox sh
# The first program of a guest: from here to the agent in as few programs as can be, for each costs milliseconds under TCG.
PATH=/bin
fail() {
    echo "vbench: the guest could not start: $1"
    poweroff -f
    exit 1
}
mount -t devtmpfs dev /dev || fail "there is no devtmpfs"
read -r modules </modules
# shellcheck disable=SC2086 # the names are words
modprobe -a $modules || fail "its modules ($modules) do not load"
tries=0
until [ -b /dev/vda ]; do
    tries=$((tries + 1))
    [ "$tries" -le 100 ] || fail "no disk appeared as /dev/vda within 10 s"
    sleep 0.1
done
mount -t ext4 -o ro /dev/vda /root || fail "/dev/vda does not mount"
mount -t tmpfs -o mode=755 run /root/run || fail "there is no tmpfs for /run"
mount -t tmpfs -o mode=1777 tmp /root/tmp || fail "there is no tmpfs for /tmp"
mkdir /root/run/vbench
cp /agent.pyz /root/run/vbench/agent.pyz || fail "its initramfs holds no /agent.pyz"
mount -o move /dev /root/dev || fail "/dev does not move"
exec switch_root /root /usr/bin/python3 -I -S /run/vbench/agent.pyz init
