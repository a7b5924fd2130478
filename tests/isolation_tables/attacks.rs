//! What A tries: every verb on every table, on partitions, and through the functions it may call.

use serde_json::Value;

use crate::{
    attacker::{Attacker, Refusal},
    tables::Table,
};

/// No right to it, or row-level security.
const DENIED: &str = "42501";
/// A foreign key's parent is not there.
const NO_PARENT: &str = "23503";
/// A trigger of ours refuses.
const GUARDED: &str = "23514";
/// The value is there already.
const TAKEN: &str = "23505";

/// Everything that can be tried on one table. What would empty A's own rows comes last.
pub(crate) async fn on_table(attacker: &mut Attacker<'_>, table: &Table) {
    reads(attacker, table).await;
    updates(attacker, table).await;
    inserts(attacker, table).await;
    references(attacker, table).await;
    copies(attacker, table).await;
    whole_table(attacker, table).await;
    deletes(attacker, table).await;
    attacker.compare(table).await;
}

/// Refused for want of rights is as good as an answer without B's rows.
fn is_nothing<T: PartialEq + Default>(outcome: &Result<T, Refusal>) -> bool {
    match outcome {
        Ok(answer) => *answer == T::default(),
        Err(refusal) => refusal.code == DENIED || refusal.code == GUARDED,
    }
}

async fn reads(attacker: &mut Attacker<'_>, table: &Table) {
    let (name, tenant, ours, theirs) = (&table.name, &table.tenant, attacker.ours, attacker.theirs);
    // What it returns is looked at by the attacker: A's own rows may be among it.
    let _ = attacker.read(name, &format!("SELECT t::text FROM {name} t")).await;
    let mut selects = vec![
        format!("SELECT t::text FROM {name} t WHERE {tenant} = '{theirs}'"),
        format!("SELECT t::text FROM {name} t WHERE {tenant} = '{theirs}' FOR UPDATE"),
        format!("SELECT t::text FROM {name} t WHERE {tenant} = '{theirs}' FOR KEY SHARE"),
        // What the planner remembers of the values.
        format!(
            "SELECT concat(most_common_vals::text, histogram_bounds::text) FROM pg_stats WHERE tablename = '{name}'"
        ),
    ];
    // A condition that fails on every row it sees, and quotes it.
    selects.extend(table.columns.iter().map(|column| {
        format!("SELECT '' FROM {name} WHERE {tenant} <> '{ours}' AND ({column}::text || 'x')::integer = 0")
    }));
    for sql in selects {
        let outcome = attacker.read(name, &sql).await;
        if !is_nothing(&outcome) {
            attacker.note(name, format!("read another's: {sql}: {outcome:?}"));
        }
    }
}

async fn updates(attacker: &mut Attacker<'_>, table: &Table) {
    let (name, tenant, theirs) = (&table.name, &table.tenant, attacker.theirs);
    for column in &table.columns {
        let sql = format!("UPDATE {name} SET {column} = {column} WHERE {tenant} = '{theirs}'");
        let outcome = attacker.write(name, &sql).await;
        if !is_nothing(&outcome) {
            attacker.note(name, format!("changed another's: {sql}: {outcome:?}"));
        }
        // Without a condition it may well be allowed, and then to A's own rows alone: what B has is compared afterwards.
        let _ = attacker
            .write(name, &format!("UPDATE {name} SET {column} = {column}"))
            .await;
    }
    let sql = format!("UPDATE {name} SET {tenant} = '{theirs}'");
    let outcome = attacker.write(name, &sql).await;
    if outcome.is_ok() || !is_nothing(&outcome) {
        attacker.note(name, format!("was let to write for another: {sql}: {outcome:?}"));
    }
    let sql = format!("MERGE INTO {name} t USING (SELECT 1) s ON t.{tenant} = '{theirs}' WHEN MATCHED THEN DELETE");
    let outcome = attacker.write(name, &sql).await;
    if !is_nothing(&outcome) {
        attacker.note(name, format!("changed another's: {sql}: {outcome:?}"));
    }
}

/// B's own rows once more, and rows for B that are not there: both are refused, and alike.
async fn inserts(attacker: &mut Attacker<'_>, table: &Table) {
    let name = &table.name;
    let key = table.key.join(", ");
    let column = &table.key[0];
    for row in attacker.their_rows[name].clone() {
        let mut nobodys = row.clone();
        for column in &table.unique {
            // What refers to B's rows goes on doing so, so that the row itself is the only difference.
            if !table.references.contains(column) {
                nobodys[column] = attacker.fresh(&row[column]);
            }
        }
        // Where the key is the tenant, or refers to others as a whole, there is no other way to be nobody's.
        if nobodys == row {
            for column in &table.key {
                nobodys[column] = attacker.fresh(&row[column]);
            }
        }
        for conflict in [
            String::new(),
            "ON CONFLICT DO NOTHING".to_owned(),
            format!("ON CONFLICT ({key}) DO UPDATE SET {column} = excluded.{column}"),
        ] {
            let there = attacker.write(name, &insert(name, &row, &conflict)).await;
            let not_there = attacker.write(name, &insert(name, &nobodys, &conflict)).await;
            match (there, not_there) {
                (Err(there), Err(not_there)) => {
                    if alike(&there, &row) != alike(&not_there, &nobodys) {
                        attacker.note(
                            name,
                            format!("is refused otherwise where another's row is there: {there:?}, {not_there:?}"),
                        );
                    }
                }
                (there, not_there) => attacker.note(
                    name,
                    format!("was let to write for another {conflict}: {there:?}, {not_there:?}"),
                ),
            }
        }
    }
}

/// The keys and unique values of B's rows in rows of A's: nothing may say that somebody has them. After everything else,
/// since from then on A's rows do hold values of B's.
pub(crate) async fn uses_values_again(attacker: &mut Attacker<'_>, table: &Table) {
    let name = &table.name;
    // A tenant's id is its tenant, and its slug the operator's own namespace.
    if name == "tenants" {
        return;
    }
    let values: Vec<&String> = table
        .unique
        .iter()
        .filter(|column| !table.references.contains(column))
        .collect();
    let mut written = 0;
    for theirs in attacker.their_rows[name].clone() {
        // A row of the same kind: an agent's key for an agent's.
        let is_like = |row: &&Value| {
            values
                .iter()
                .all(|column| row[column].is_null() == theirs[column].is_null())
        };
        let Some(own) = attacker.our_rows[name].iter().find(is_like).cloned() else {
            continue;
        };
        let mut row = own.clone();
        for column in &values {
            row[column] = theirs[column].clone();
        }
        match attacker.write(name, &insert(name, &row, "")).await {
            Ok(_) => written += 1,
            // No right at all; or a key made of nothing but references, which A's own row has already.
            Err(refusal) if refusal.code == DENIED || row == own && refusal.code == TAKEN => return,
            Err(refusal) if refusal.code == TAKEN => {}
            Err(refusal) => attacker.note(name, format!("B's values in a row of A's: {refusal:?}")),
        }
    }
    if written == 0 {
        attacker.note(name, "none of another's values can be used again");
    }
}

/// A's rows that refer to B's: as impossible as referring to what nobody has, and in the same words.
async fn references(attacker: &mut Attacker<'_>, table: &Table) {
    let (name, tenant, ours) = (&table.name, &table.tenant, attacker.ours);
    for column in &table.references {
        let Some(target) = attacker.their_rows[name]
            .iter()
            .find_map(|row| row[column].as_str().map(str::to_owned))
        else {
            attacker.note(name, format!("put a row into it in rows.rs whose {column} is not null"));
            continue;
        };
        let nobodys = attacker.stack.ctx.ids.next().to_string();
        let mut own = attacker.our_rows[name]
            .iter()
            .find(|row| !row[column].is_null())
            .expect("a row that refers to something")
            .clone();
        for other in table.unique.iter().filter(|other| !table.references.contains(other)) {
            own[other] = attacker.fresh(&own[other]);
        }
        // Where the key refers as a whole, A's own row stands in the way of another one.
        let is_own_key = !table.key.contains(column)
            && table
                .key
                .iter()
                .all(|part| part == tenant || table.references.contains(part));
        for verb in if is_own_key {
            &["UPDATE"][..]
        } else {
            &["INSERT", "UPDATE"]
        } {
            let mut outcomes = Vec::new();
            for id in [&target, &nobodys] {
                own[column] = Value::String(id.clone());
                let sql = if *verb == "INSERT" {
                    insert(name, &own, "")
                } else {
                    format!("UPDATE {name} SET {column} = '{id}' WHERE {tenant} = '{ours}' AND {column} IS NOT NULL")
                };
                let outcome = attacker.write(name, &sql).await;
                outcomes.push(outcome.map_err(|refusal| Refusal {
                    said: refusal.said.replace(id, "<id>"),
                    ..refusal
                }));
            }
            let is_refused = |outcome: &Result<u64, Refusal>| {
                outcome
                    .as_ref()
                    .is_err_and(|refusal| [DENIED, NO_PARENT, GUARDED].contains(&refusal.code.as_str()))
            };
            if outcomes[0] != outcomes[1] || !is_refused(&outcomes[0]) {
                attacker.note(name, format!("{column} reaches another's by {verb}: {outcomes:?}"));
            }
        }
    }
}

async fn copies(attacker: &mut Attacker<'_>, table: &Table) {
    let name = &table.name;
    // What comes out is looked at by the attacker.
    for from in [name.clone(), format!("(SELECT * FROM {name})")] {
        let _ = attacker.copy_out(name, &format!("COPY {from} TO STDOUT")).await;
    }
    // 0A000: Postgres does not do it under row-level security.
    match attacker.copy_in(name).await {
        Err(refusal) if [DENIED, "0A000"].contains(&refusal.code.as_str()) => {}
        outcome => attacker.note(name, format!("was let to copy in: {outcome:?}")),
    }
    for sql in [
        format!("COPY {name} TO PROGRAM 'cat'"),
        format!("COPY {name} TO '/dev/null'"),
    ] {
        match attacker.write(name, &sql).await {
            Err(refusal) if refusal.code == DENIED => {}
            outcome => attacker.note(name, format!("was let to {sql}: {outcome:?}")),
        }
    }
}

/// What ignores rows.
async fn whole_table(attacker: &mut Attacker<'_>, table: &Table) {
    let name = &table.name;
    for sql in [
        format!("TRUNCATE {name}"),
        format!("TRUNCATE {name} CASCADE"),
        format!("ALTER TABLE {name} DISABLE ROW LEVEL SECURITY"),
        format!("CREATE POLICY mine ON {name} USING (true)"),
        format!("DROP TABLE {name}"),
    ] {
        match attacker.write(name, &sql).await {
            Err(refusal) if refusal.code == DENIED => {}
            outcome => attacker.note(name, format!("was let to {sql}: {outcome:?}")),
        }
    }
    // A lock is everybody's affair; only who may change rows at will can take one that keeps others out.
    let may_change: bool = sqlx::query_scalar("SELECT has_table_privilege('countersign_app', $1, 'UPDATE, DELETE')")
        .bind(name)
        .fetch_one(&attacker.stack.owner_pool())
        .await
        .expect("the catalogue answers");
    let sql = format!("LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE NOWAIT");
    if attacker.write(name, &sql).await.is_ok() && !may_change {
        attacker.note(name, format!("was let to {sql}"));
    }
}

async fn deletes(attacker: &mut Attacker<'_>, table: &Table) {
    let (name, tenant, theirs) = (&table.name, &table.tenant, attacker.theirs);
    let sql = format!("DELETE FROM {name} WHERE {tenant} = '{theirs}'");
    let outcome = attacker.write(name, &sql).await;
    if !is_nothing(&outcome) {
        attacker.note(name, format!("changed another's: {sql}: {outcome:?}"));
    }
    let _ = attacker.write(name, &format!("DELETE FROM {name}")).await;
}

/// Beside the parent there is nothing, whatever the verb.
pub(crate) async fn on_partition(attacker: &mut Attacker<'_>, partition: &str) {
    for sql in [
        format!("SELECT t::text FROM {partition} t"),
        format!("SELECT tenant_id FROM {partition} FOR UPDATE"),
        format!("INSERT INTO {partition} DEFAULT VALUES"),
        format!("UPDATE {partition} SET tenant_id = tenant_id"),
        format!("DELETE FROM {partition}"),
        format!("MERGE INTO {partition} t USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE"),
        format!("TRUNCATE {partition}"),
        format!("LOCK TABLE {partition} IN ACCESS SHARE MODE"),
        format!("ALTER TABLE audit_events DETACH PARTITION {partition}"),
    ] {
        match attacker.write(partition, &sql).await {
            Err(refusal) if refusal.code == DENIED => {}
            outcome => attacker.note(partition, format!("was let to {sql}: {outcome:?}")),
        }
    }
    let copied = [
        attacker
            .copy_out(partition, &format!("COPY {partition} TO STDOUT"))
            .await
            .map(drop),
        attacker.copy_in(partition).await,
    ];
    for outcome in copied {
        if !outcome.as_ref().is_err_and(|refusal| refusal.code == DENIED) {
            attacker.note(partition, format!("was let to copy: {outcome:?}"));
        }
    }
}

/// The functions that A may call, with what is B's.
pub(crate) async fn through_functions(attacker: &mut Attacker<'_>) {
    let theirs = attacker.theirs;
    let approval = attacker.their_rows["approval_requests"][0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    for to in ["APPROVED", "CANCELLED", "EXPIRED"] {
        let sql = format!("SELECT s::text FROM settle_approval('{theirs}', '{approval}', 'PENDING', '{to}', now()) s");
        let outcome = attacker.read("approval_requests", &sql).await;
        if !is_nothing(&outcome) {
            attacker.note("approval_requests", format!("changed another's: {sql}: {outcome:?}"));
        }
    }
    match attacker
        .read("audit_events", "SELECT make_audit_partitions(now(), 1)::text")
        .await
    {
        Err(refusal) if refusal.code == DENIED => {}
        outcome => attacker.note("audit_events", format!("was let to make partitions: {outcome:?}")),
    }
}

fn insert(table: &str, row: &Value, conflict: &str) -> String {
    format!("INSERT INTO {table} SELECT * FROM jsonb_populate_record(NULL::{table}, $row${row}$row$) {conflict}")
}

/// A refusal without the values of the row that was refused.
fn alike(refusal: &Refusal, row: &Value) -> Refusal {
    let mut said = refusal.said.clone();
    for value in row
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(_, value)| value.as_str())
    {
        said = said.replace(value, "<value>");
    }
    Refusal {
        code: refusal.code.clone(),
        said,
    }
}
