#!/usr/bin/env bash
# Run once by the Postgres image, when its volume is new: the product's roles, and the database given to the migrator.
set -euo pipefail

superuser() {
    psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" "$@"
}

superuser --set password="$POSTGRES_PASSWORD" --file /countersign/roles.sql
superuser --command "ALTER DATABASE \"$POSTGRES_DB\" OWNER TO countersign_migrator"
