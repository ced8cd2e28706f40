# PostgreSQL, which refuses to run as uid 0, as the image's user `postgres`, until SIGTERM.
#   postgres.sh FOLDER HOST PORT
#
# SIGQUIT is its immediate shutdown, which leaves no shared memory behind. After SIGTERM it would wait for a checkpoint,
# and where that takes longer than a server is given to end, SIGKILL would follow.
export TZ=UTC
setpriv --reuid=postgres --regid=postgres --clear-groups -- \
    /usr/lib/postgresql/15/bin/postgres -D "$1/cluster" -h "$2" -p "$3" -k '' 2>&1 &
server=$!
trap 'kill -QUIT $server' TERM
wait $server || wait $server
