//! Rules that the rows of a database keep among themselves, whatever happened: each a query for the rows that break it.

use sqlx::PgConnection;

/// At most this many broken rows of a rule are shown.
const SHOWN: usize = 5;

/// The rules: what each says, and the query for what breaks it.
pub const RULES: [(&str, &str); 12] = [
        (
            "the state of a request agrees with its votes",
            "SELECT r.id || ' is ' || r.status || ' with ' || v.yes || ' and ' || v.no || ' of ' || r.required_approvals
             FROM approval_requests r CROSS JOIN LATERAL (
                 SELECT count(*) FILTER (WHERE decision = 'APPROVE') AS yes, count(*) FILTER (WHERE decision = 'DENY') AS no
                 FROM approval_votes v WHERE v.tenant_id = r.tenant_id AND v.approval_id = r.id) v
             WHERE NOT CASE r.status
                 WHEN 'PENDING' THEN v.no = 0 AND v.yes < r.required_approvals
                 WHEN 'APPROVED' THEN v.no = 0 AND v.yes = r.required_approvals
                 WHEN 'DENIED' THEN v.no = 1
                 WHEN 'CANCELLED' THEN v.no = 0 AND v.yes <= r.required_approvals
                 WHEN 'EXPIRED' THEN v.no = 0 AND v.yes <= r.required_approvals
                 ELSE false END",
        ),
        (
            "each version of a request has exactly one outbox event",
            "SELECT r.id || ' has version ' || r.version || ' and ' || o.events || ' events'
             FROM approval_requests r CROSS JOIN LATERAL (
                 SELECT count(*) AS events, count(DISTINCT o.aggregate_version) AS versions,
                        min(o.aggregate_version) AS lowest, max(o.aggregate_version) AS highest
                 FROM outbox o WHERE o.tenant_id = r.tenant_id AND o.aggregate_id = r.id) o
             WHERE (o.events, o.versions, o.lowest, o.highest) IS DISTINCT FROM (r.version, r.version, 1, r.version)",
        ),
        (
            "each outbox event of a request has exactly one audit event",
            "SELECT r.id || ' announced ' || o.names::text || ' and recorded ' || coalesce(a.names::text, 'nothing')
             FROM approval_requests r
             CROSS JOIN LATERAL (
                 SELECT array_agg(o.event_type ORDER BY o.event_type) AS names
                 FROM outbox o WHERE o.tenant_id = r.tenant_id AND o.aggregate_id = r.id) o
             CROSS JOIN LATERAL (
                 SELECT array_agg(a.action ORDER BY a.action) AS names
                 FROM audit_events a WHERE a.tenant_id = r.tenant_id AND a.correlation_id = r.id::text) a
             WHERE o.names IS DISTINCT FROM a.names",
        ),
        (
            "each vote is in exactly one event, but for a change of mind, which has two",
            "SELECT r.id || ' has ' || v.votes || ' votes and ' || o.told || ' events of votes'
             FROM approval_requests r
             CROSS JOIN LATERAL (
                 SELECT count(*) AS votes, count(*) FILTER (WHERE decision = 'DENY') AS denials
                 FROM approval_votes v WHERE v.tenant_id = r.tenant_id AND v.approval_id = r.id) v
             CROSS JOIN LATERAL (
                 SELECT count(*) AS told FROM outbox o
                 WHERE o.tenant_id = r.tenant_id AND o.aggregate_id = r.id
                   AND o.event_type IN ('approval.voted', 'approval.approved', 'approval.denied')) o
             WHERE o.told NOT BETWEEN v.votes AND v.votes + v.denials",
        ),
        (
            "the last event of a request shows it as its row and votes do",
            "SELECT r.id || ' is ' || r.status || ' and was announced as ' || (o.payload ->> 'status')
             FROM approval_requests r
             JOIN outbox o ON o.tenant_id = r.tenant_id AND o.aggregate_id = r.id AND o.aggregate_version = r.version
             CROSS JOIN LATERAL (
                 SELECT coalesce(jsonb_agg(jsonb_build_array(v.approver, v.decision, v.note) ORDER BY v.approver), '[]') AS cast_votes
                 FROM approval_votes v WHERE v.tenant_id = r.tenant_id AND v.approval_id = r.id) v
             CROSS JOIN LATERAL (
                 SELECT coalesce(jsonb_agg(jsonb_build_array(d ->> 'by', d ->> 'decision', d ->> 'note') ORDER BY d ->> 'by'), '[]') AS told
                 FROM jsonb_array_elements(o.payload -> 'decisions') d) d
             WHERE (o.payload ->> 'status', (o.payload ->> 'version')::integer, o.payload ->> 'request_id',
                    o.payload ->> 'requested_by', o.payload ->> 'display_hash', o.payload ->> 'action_digest', d.told)
                IS DISTINCT FROM
                   (r.status, r.version, r.request_id, r.requested_by, r.display_hash, r.action_digest, v.cast_votes)",
        ),
        (
            "there is no event of a request that is not there",
            "SELECT o.id::text FROM outbox o
             WHERE o.aggregate_type = 'approval'
               AND NOT EXISTS (SELECT FROM approval_requests r WHERE r.tenant_id = o.tenant_id AND r.id = o.aggregate_id)
             UNION ALL
             SELECT a.event_id::text FROM audit_events a
             WHERE a.action LIKE 'approval.%'
               AND NOT EXISTS (SELECT FROM approval_requests r WHERE r.tenant_id = a.tenant_id AND r.id::text = a.correlation_id)",
        ),
        (
            "each audit event has its request id and waits for its seal, and hashes to its leaf",
            "SELECT coalesce(a.event_id, i.event_id, p.event_id)::text
             FROM audit_events a
             FULL JOIN audit_request_ids i USING (tenant_id, event_id)
             FULL JOIN audit_pending p USING (tenant_id, event_id)
             WHERE a.event_id IS NULL OR i.event_id IS NULL OR p.event_id IS NULL
                OR (i.recorded_by, i.request_id) IS DISTINCT FROM (a.recorded_by, a.request_id)
                OR p.received_at IS DISTINCT FROM a.received_at
                OR a.leaf_hash <> sha256('\\x00'::bytea || convert_to(a.entry, 'UTF8'))",
        ),
        (
            "each task was announced once and recorded once",
            "SELECT coalesce(o.id::text, a.correlation_id)
             FROM (SELECT tenant_id, aggregate_id::text AS id, count(*) AS times FROM outbox
                   WHERE event_type = 'tasks.ping' GROUP BY 1, 2) o
             FULL JOIN (SELECT tenant_id, correlation_id, count(*) AS times FROM audit_events
                        WHERE action = 'task.queued' GROUP BY 1, 2) a
                ON a.tenant_id = o.tenant_id AND a.correlation_id = o.id
             WHERE o.times IS DISTINCT FROM 1 OR a.times IS DISTINCT FROM 1",
        ),
        (
            "each person was recorded once",
            "SELECT u.id::text FROM users u
             WHERE 1 <> (SELECT count(*) FROM audit_events a WHERE a.tenant_id = u.tenant_id
                           AND (a.action = 'user.created' AND a.correlation_id = u.id::text
                                OR a.action = 'tenant.bootstrapped' AND u.email = 'admin@example.com'))
             UNION ALL
             SELECT a.correlation_id FROM audit_events a
             WHERE a.action = 'user.created'
               AND NOT EXISTS (SELECT FROM users u WHERE u.tenant_id = a.tenant_id AND u.id::text = a.correlation_id)",
        ),
        (
            "each key was recorded once, and its end once more, with one event for others",
            "SELECT k.id::text FROM api_keys k
             CROSS JOIN LATERAL (
                 SELECT count(*) FILTER (WHERE a.action = 'api_key.created') AS made,
                        count(*) FILTER (WHERE a.action = 'api_key.revoked') AS ended
                 FROM audit_events a WHERE a.tenant_id = k.tenant_id AND a.correlation_id = k.id::text) a
             CROSS JOIN LATERAL (
                 SELECT count(*) AS told FROM outbox o
                 WHERE o.tenant_id = k.tenant_id AND o.aggregate_id = k.id AND o.event_type = 'api_key.revoked') o
             WHERE (a.made <> 1 AND k.minted_by <> 'operator')
                OR (a.ended, o.told) IS DISTINCT FROM
                   ((k.revoked_at IS NOT NULL)::integer::bigint, (k.revoked_at IS NOT NULL)::integer::bigint)
                OR k.is_active = (k.revoked_at IS NOT NULL)
             UNION ALL
             SELECT a.correlation_id FROM audit_events a
             WHERE a.action LIKE 'api_key.%'
               AND NOT EXISTS (SELECT FROM api_keys k WHERE k.tenant_id = a.tenant_id AND k.id::text = a.correlation_id)",
        ),
        (
            "every event was handed on, to each of its destinations once, and delivered",
            "SELECT o.id || ' ' || o.event_type || ' ' || coalesce(d.statuses::text, 'nowhere')
             FROM outbox o CROSS JOIN LATERAL (
                 SELECT array_agg(d.destination || ' ' || d.status ORDER BY d.destination) AS statuses
                 FROM outbox_deliveries d WHERE d.tenant_id = o.tenant_id AND d.event_id = o.id) d
             WHERE o.processed_at IS NULL
                OR d.statuses IS DISTINCT FROM ARRAY[CASE o.event_type WHEN 'tasks.ping' THEN 'pong' ELSE 'log' END || ' DELIVERED']",
        ),
        (
            "the request id of a client stands under one request for approval",
            "SELECT request_id || ' ' || count(*) FROM approval_requests GROUP BY tenant_id, request_id HAVING count(*) > 1",
        ),
];

/// What breaks the rules, each named first, as a superuser's connection sees it.
///
/// # Panics
/// The database does not answer.
pub async fn broken_rows(superuser: &mut PgConnection) -> Vec<String> {
    let mut broken = Vec::new();
    for (rule, query) in RULES {
        let rows: Vec<Option<String>> = sqlx::query_scalar(query)
            .fetch_all(&mut *superuser)
            .await
            .expect("a sound query");
        if !rows.is_empty() {
            let shown: Vec<String> = rows.iter().take(SHOWN).flatten().cloned().collect();
            broken.push(format!("{rule}: {} do not: {}", rows.len(), shown.join("; ")));
        }
    }
    broken
}
