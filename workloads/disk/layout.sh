# layout.sh FILE SIZE: lay out a file of real, written blocks, unless it is there already.
# Large direct writes: in an emulated guest fio's own layout in 4 KiB blocks takes ten times as long.
[ -e "$1" ] || {
    fio --name=layout --rw=write --bs=1m --direct=1 --ioengine=psync --thread --fallocate=none --end_fsync=1 \
        --size="$2" --filename="$1.part" && mv "$1.part" "$1"
}
