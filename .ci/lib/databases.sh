# Throw-away database servers on free ports, gone with the run. They promise nothing about power failures.

free_port() {
  node -e 'const s=require("net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})'
}

# PostgreSQL will not run as root; MariaDB does not mind.
as_postgres() {
  if (($(id -u) == 0)); then runuser -u postgres -- "$@"; else "$@"; fi
}

start_databases() {
  servers=$(mktemp -d)
  chmod 755 "$servers"
  at_exit rm -rf "$servers"
  start_postgres
  start_mariadb
}

start_postgres() {
  local programs data="$servers/postgres"
  programs=$(postgres_programs)
  PGPORT=$(free_port)
  mkdir "$data"
  if (($(id -u) == 0)); then chown postgres "$data"; fi
  as_postgres "$programs/initdb" -D "$data" -U postgres --auth=trust --encoding=UTF8 --no-sync >/dev/null
  at_exit as_postgres "$programs/pg_ctl" stop -D "$data" -m immediate
  as_postgres "$programs/pg_ctl" start -w -D "$data" -l "$data/log" -o "-p $PGPORT -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c log_statement=ddl -c max_connections=300" 3>&-
  export PGHOST=127.0.0.1 PGPORT PGUSER=postgres
  postgres_log="$data/log"
  postgres_url="postgres://postgres@127.0.0.1:$PGPORT/postgres"
  psql -X -d postgres -c 'SELECT version()'
}

start_mariadb() {
  local data="$servers/mariadb" user pid
  user=$(id -un)
  MYSQL_TCP_PORT=$(free_port)
  mariadb-install-db --no-defaults --user="$user" --datadir="$data" --auth-root-authentication-method=normal --skip-test-db >/dev/null
  mariadbd --no-defaults --user="$user" --datadir="$data" --character-set-server=utf8mb4 --collation-server=utf8mb4_general_ci --bind-address=127.0.0.1 --port="$MYSQL_TCP_PORT" --socket="$servers/mariadb.sock" --innodb-flush-log-at-trx-commit=0 --max-connections=300 >"$logs/mariadb.log" 2>&1 3>&- &
  pid=$!
  at_exit stop_by_pid "$pid"
  # These variables are also how the suites find it.
  export MYSQL_HOST=127.0.0.1 MYSQL_TCP_PORT
  mariadb_url="mysql://root@127.0.0.1:$MYSQL_TCP_PORT/mysql"
  until mariadb --user=root -e 'SELECT version()'; do
    kill -0 "$pid"
    sleep 0.2
  done
}

stop_by_pid() {
  kill "$1" && wait "$1"
}

# What is about the tables, and about who is who.
ON_EVERY_DATABASE='store:: people:: security::who_is_who concurrency:: cost:: database_faults:: pooler::'

# Cases that find no server are left out and pass; the server tells whether it was asked.
postgres_suite() {
  # shellcheck disable=SC2086 # a list of filters
  TEST_POSTGRES_URL=$postgres_url cargo test --locked --test it -- $ON_EVERY_DATABASE
  grep -c 'CREATE DATABASE nbdt_' "$postgres_log"
}

mariadb_suite() {
  # shellcheck disable=SC2086 # a list of filters
  TEST_MARIADB_URL=$mariadb_url cargo test --locked --test it -- $ON_EVERY_DATABASE
  local created
  created=$(mariadb --user=root -N -B -e "SHOW GLOBAL STATUS LIKE 'Com_create_db'" | cut -f2)
  echo "$created databases were created"
  ((created > 0))
}
