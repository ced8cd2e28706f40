# The PostgreSQL cluster with pgbench's tables that the image carries: where a processor is emulated twice, initdb takes
# more than a minute.
#   cluster.sh ARCHIVE
#
# Every build writes the same bytes. A cluster's identifier is drawn from the clock and a process number, and its secrets
# from OpenSSL: so the clock stands still, chance is a constant, and the numbers are those of a namespace of its own.
set -e
archive=$1
folder=$(mktemp -d)
cd "$folder"
chown postgres:postgres .
export PATH="$PATH:/usr/lib/postgresql/15/bin" TZ=UTC

gcc -shared -fPIC -O2 -Wall -Wextra -Werror -o still.so -x c - <<'C'
#include <string.h>
#include <sys/time.h>
#include <time.h>

enum { EPOCH = 1700000000 };

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    (void)zone;
    *now = (struct timeval){.tv_sec = EPOCH};
    return 0;
}

time_t time(time_t *now)
{
    if (now)
        *now = EPOCH;
    return EPOCH;
}

int RAND_status(void)
{
    return 1;
}

int RAND_bytes(unsigned char *bytes, int count)
{
    memset(bytes, 7, (size_t)count);
    return 1;
}
C

still() {
    unshare --pid --fork --kill-child setpriv --reuid=postgres --regid=postgres --clear-groups -- \
        env LD_PRELOAD="$folder/still.so" "$@" >&2
}

still initdb --pgdata=cluster --username=postgres --auth=trust --no-locale --encoding=SQL_ASCII --no-sync
echo 'host all all all trust' >>cluster/pg_hba.conf
# In place of what initdb chose by what it found. No JIT, for the image has no LLVM; no vacuum that starts by itself; and
# a server that was ended in a hurry recovers without an fsync for each of a thousand files.
cat >cluster/postgresql.conf <<'CONF'
max_connections = 20
shared_buffers = 64MB
dynamic_shared_memory_type = mmap
autovacuum = off
jit = off
recovery_init_sync_method = syncfs
CONF
# The tables of `pgbench --initialize --scale=1`, without a server and its several processes. -j: a blank line ends.
still postgres --single -j -F -D cluster postgres <<'SQL'
CREATE TABLE pgbench_branches (bid int NOT NULL, bbalance int, filler char(88)) WITH (fillfactor = 100);
CREATE TABLE pgbench_tellers (tid int NOT NULL, bid int, tbalance int, filler char(84)) WITH (fillfactor = 100);
CREATE TABLE pgbench_accounts (aid int NOT NULL, bid int, abalance int, filler char(84)) WITH (fillfactor = 100);
CREATE TABLE pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22));
INSERT INTO pgbench_branches (bid, bbalance) VALUES (1, 0);
INSERT INTO pgbench_tellers (tid, bid, tbalance) SELECT tid, 1, 0 FROM generate_series(1, 10) AS tid;
INSERT INTO pgbench_accounts (aid, bid, abalance, filler) SELECT aid, 1, 0, '' FROM generate_series(1, 100000) AS aid;
ALTER TABLE pgbench_branches ADD PRIMARY KEY (bid);
ALTER TABLE pgbench_tellers ADD PRIMARY KEY (tid);
ALTER TABLE pgbench_accounts ADD PRIMARY KEY (aid);

VACUUM ANALYZE;

SQL
still pg_resetwal --force -D cluster # a log without the remains in its unused parts
tar --sort=name --mtime=@1700000000 --create cluster | zstd -q -9 -o "$archive"
rm -r "$folder"
