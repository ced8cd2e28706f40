# nginx.sh HOST PORT CPUS: serve a page of 1 KiB in the foreground; it has begun once a worker process is said to start.
set -e
head -c 1024 /dev/zero | tr '\0' v >page
sed "s/\$HOST/$1/; s/\$PORT/$2/; s/\$CPUS/$3/" nginx.conf >bound.conf
exec nginx -p "$PWD" -c "$PWD/bound.conf" 2>&1
