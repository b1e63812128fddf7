#!/bin/bash
#
# databases.sh SOCKETDIR [NAME...]: gives every service its role and its database, both called like the service. Changes nothing that is there.
#
# A role owns its own database and may connect to no other: CONNECT is taken from PUBLIC everywhere, so one service cannot read another's tables.
# One more role, `auditor`, may read all of them and write nothing: for test/check and `make reconcile`.
set -euo pipefail

socket=${1:?usage: databases.sh SOCKETDIR [NAME...]}
shift
names=("${@:-}")
if [[ -z ${names[0]} ]]; then
	names=(customers ordering warehouse shipping billing)
fi
for name in "${names[@]}"; do
	[[ $name =~ ^[a-z][a-z0-9_]*$ ]] || { echo "databases.sh: '$name' is no name for a database" >&2 && exit 1; }
done

statements()
{
	cat <<-'SQL'
		SELECT 'CREATE ROLE auditor LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'auditor') \gexec
		ALTER ROLE auditor SET default_transaction_read_only = on;
		GRANT pg_read_all_data TO auditor;
	SQL
	for name in "${names[@]}"; do
		cat <<-SQL
			SELECT 'CREATE ROLE $name LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '$name') \gexec
			SELECT 'CREATE DATABASE $name OWNER $name' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '$name') \gexec
			REVOKE ALL ON DATABASE $name FROM PUBLIC;
			GRANT CONNECT ON DATABASE $name TO auditor;
		SQL
	done
	echo 'REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;'
}

statements | PGOPTIONS='-c client_min_messages=warning' psql -X -q -v ON_ERROR_STOP=1 -h "$socket" -U postgres -d postgres >/dev/null
