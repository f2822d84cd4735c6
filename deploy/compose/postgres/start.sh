#!/bin/bash
# Makes the database and its password at the first start, and becomes PostgreSQL.
set -euo pipefail
. /common.sh
umask 077
PATH=$PATH:$(echo /usr/lib/postgresql/*/bin)
data=/var/lib/postgresql/data

password=$(secret postgres)
mkdir -p /var/run/postgresql
chown -R postgres:postgres /var/lib/postgresql /var/run/postgresql
as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }
if [ ! -s $data/PG_VERSION ]; then
    as_postgres initdb -D $data --auth-host=trust --auth-local=peer --encoding=UTF8 --no-locale >/dev/null
    sed -i '/^host/d' $data/pg_hba.conf
    echo "host all all all scram-sha-256" >> $data/pg_hba.conf
    as_postgres postgres --single -D $data postgres >/dev/null <<SQL
CREATE ROLE pubsub LOGIN PASSWORD '$password'
CREATE DATABASE pubsub OWNER pubsub
SQL
fi
exec setpriv --reuid=postgres --regid=postgres --init-groups postgres -D $data -c listen_addresses='*'
