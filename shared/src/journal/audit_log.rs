//! The audit log's one way in.
//!
//! [`append`] writes in the transaction of the change it tells of, so both are true or neither. [`record`] is for what
//! changes nothing else and must not fail because its record did. Neither extends the tree: sealing is the sweep's work,
//! and a chain in the insert would make every tenant write one event after the other.

use std::{
    collections::{HashMap, hash_map::Entry},
    time::Duration,
};

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::{
    canonical::salted_hash,
    entry::EntryError,
    prepared::{PreparedEvent, Salts},
    spill::{self, Reason},
    store::{self, Recorded},
};
use crate::{
    context::AppContext,
    data::{Connection, TenantScope, TenantTx},
    http::{ApiError, timestamp},
};

pub(crate) use super::spill::TARGET as SPILL_TARGET;
pub use super::{event::NewAuditEvent, spill::SpilledEvent};

/// How long [`record`] may hold up its caller.
const RECORD_DEADLINE: Duration = Duration::from_millis(500);

/// What the recorder of an event gets back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// The event's id, minted here.
    pub event_id: Uuid,
    /// The recorder's own id of it.
    pub request_id: String,
    /// `SHA-256(0x00 ‖ entry)`; lower-case hex in JSON.
    #[serde(serialize_with = "hex::serde::serialize")]
    pub leaf_hash: [u8; 32],
    /// When the database received it first.
    #[serde(serialize_with = "timestamp::serialize")]
    pub received_at: DateTime<Utc>,
    /// Whether the same submission was recorded before; then the rest of the receipt is that first one's.
    pub duplicate: bool,
}

/// Why events could not be appended. The transaction must then be rolled back: others of the batch may be in it.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The recorder used this request id before, in the log or in this batch, for another event.
    #[error("request id {request_id:?} was already used for another event")]
    Conflict {
        /// The request id.
        request_id: String,
    },
    /// The entry would be longer than [`MAX_ENTRY_BYTES`](super::entry::MAX_ENTRY_BYTES).
    #[error("the event with request id {request_id:?} is too large")]
    TooLarge {
        /// The request id.
        request_id: String,
    },
    /// The event holds what no entry can, such as a latency beyond ±(2^53−1). The HTTP boundary refuses it first.
    #[error("the event with request id {request_id:?} cannot be an entry: {source}")]
    Unrecordable {
        /// The request id.
        request_id: String,
        /// What it holds.
        source: EntryError,
    },
    /// Postgres refused or is gone.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Why a spilled event could not be stored. The transaction must then be rolled back.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It is not what was hashed: its line was changed on its way. Nothing was stored.
    #[error("the spilled event {event_id} is not the one that was hashed")]
    Altered {
        /// The event's id, as the line has it.
        event_id: Uuid,
    },
    /// The log did not take it.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// Records what a function did, in the transaction in which it did it: both become true, or neither.
///
/// # Errors
/// The log did not take it; then the change must not be committed either.
pub async fn record_in_tx(tx: &mut TenantTx, ctx: &AppContext, event: NewAuditEvent) -> Result<(), ApiError> {
    record_all_in_tx(tx, ctx, &[event]).await
}

/// Records many things that a function did, as [`record_in_tx`] records one.
///
/// # Errors
/// As [`record_in_tx`].
pub async fn record_all_in_tx(tx: &mut TenantTx, ctx: &AppContext, events: &[NewAuditEvent]) -> Result<(), ApiError> {
    let tenant_id = tx.tenant_id();
    match append(tx, ctx, tenant_id, events).await {
        Ok(_) => Ok(()),
        Err(AppendError::Database(error)) => Err(error.into()),
        // The product's request ids are fresh and its entries bounded, so neither is the caller's mistake.
        Err(error) => Err(ApiError::internal(error.to_string())),
    }
}

/// Appends events to a tenant's log, all or none, and returns a receipt for each in the order given.
///
/// One statement for any number of events (the HTTP contract allows 1,000), and a second when a request id was used
/// before. The same recorder, request id and content again is answered with the first receipt, marked as a duplicate; so is
/// a twin inside the batch. Of two transactions with one request id the later waits for the earlier.
///
/// # Errors
/// See [`AppendError`]; after any of them `conn` must be rolled back.
pub async fn append(
    conn: &mut Connection,
    ctx: &AppContext,
    tenant_id: Uuid,
    events: &[NewAuditEvent],
) -> Result<Vec<Receipt>, AppendError> {
    let batch = Batch::prepare(ctx, tenant_id, events)?;
    let receipts = batch.store(conn, tenant_id).await?;

    let mut given = vec![false; receipts.len()];
    Ok(batch
        .places
        .iter()
        .map(|&place| {
            let mut receipt = receipts[place].clone();
            receipt.duplicate |= std::mem::replace(&mut given[place], true);
            receipt
        })
        .collect())
}

/// Records one event in a transaction of its own. Nothing comes back, and it never takes much longer than 500 ms.
///
/// What Postgres does not take in that time is spilled: logged whole (sanitized, without raw arguments) as one structured
/// line with the target `audit.spill`, from which [`replay`] stores it later. The lines of a process are numbered without
/// gaps, so that a lost line is noticed.
///
/// Never call it while holding a [`TenantTx`](crate::data::TenantTx): the pool of a Lambda has one connection, so it would
/// wait for its own caller until the deadline. Inside a transaction, use [`append`].
pub async fn record(ctx: &AppContext, tenant_id: Uuid, event: NewAuditEvent) {
    let batch = match Batch::prepare(ctx, tenant_id, std::slice::from_ref(&event)) {
        Ok(batch) => batch,
        Err(error) => return spill::report_unrecordable(ctx, tenant_id, &event, &error),
    };
    let reason = match tokio::time::timeout(RECORD_DEADLINE, store_alone(ctx, tenant_id, &batch)).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => Reason::Failed(error),
        Err(_elapsed) => Reason::Deadline,
    };
    for prepared in batch.prepared {
        spill::spill(ctx, &SpilledEvent::new(tenant_id, prepared), &reason);
    }
}

async fn store_alone(ctx: &AppContext, tenant_id: Uuid, batch: &Batch) -> Result<(), AppendError> {
    let mut tx = ctx.db.begin(TenantScope::of(tenant_id)).await?;
    batch.store(&mut tx, tenant_id).await?;
    tx.commit().await?;
    Ok(())
}

/// Stores an event that [`record`] had to spill, with the id and the leaf hash it had then. The salt of its arguments was
/// never logged, so it comes back as if that had been erased. Replaying it again, or after it was stored after all, is
/// answered as a duplicate.
///
/// # Errors
/// See [`ReplayError`]; after any of them `conn` must be rolled back.
pub async fn replay(conn: &mut Connection, spilled: &SpilledEvent) -> Result<Receipt, ReplayError> {
    if spilled.is_intact() {
        Ok(store_spilled(conn, spilled).await?)
    } else {
        Err(ReplayError::Altered {
            event_id: spilled.event.event_id,
        })
    }
}

async fn store_spilled(conn: &mut Connection, spilled: &SpilledEvent) -> Result<Receipt, AppendError> {
    let event = &spilled.event;
    let received = store::insert_events(conn, spilled.tenant_id, &[event]).await?;
    if let Some(received_at) = received.get(&event.event_id) {
        return Ok(receipt(event, *received_at));
    }
    let recorded = store::list_recorded(conn, spilled.tenant_id, &[event]).await?;
    match recorded.into_values().next() {
        Some(recorded) if recorded.event_id == event.event_id => first_receipt(event, &recorded),
        Some(_) => Err(AppendError::Conflict {
            request_id: event.request_id.clone(),
        }),
        None => Err(sqlx::Error::RowNotFound.into()),
    }
}

/// Submitted events, each different one once.
struct Batch {
    prepared: Vec<PreparedEvent>,
    /// The canonical content of each of `prepared`.
    contents: Vec<String>,
    /// For each event as submitted, where it is in `prepared`.
    places: Vec<usize>,
}

impl Batch {
    fn prepare(ctx: &AppContext, tenant_id: Uuid, events: &[NewAuditEvent]) -> Result<Self, AppendError> {
        let mut batch = Self {
            prepared: Vec::new(),
            contents: Vec::new(),
            places: Vec::new(),
        };
        let mut seen: HashMap<(&str, &str), usize> = HashMap::new();
        for event in events {
            let content = event.canonical_content();
            let place = match seen.entry((&event.recorded_by, &event.request_id)) {
                Entry::Occupied(twin) if batch.contents[*twin.get()] == content => *twin.get(),
                Entry::Occupied(_) => {
                    return Err(AppendError::Conflict {
                        request_id: event.request_id.clone(),
                    });
                }
                Entry::Vacant(unseen) => {
                    let salts = Salts::draw(&ctx.random);
                    let prepared = PreparedEvent::new(event, &content, ctx.ids.next(), tenant_id, &salts)
                        .map_err(|error| refused(event, error))?;
                    batch.prepared.push(prepared);
                    batch.contents.push(content);
                    *unseen.insert(batch.prepared.len() - 1)
                }
            };
            batch.places.push(place);
        }
        Ok(batch)
    }

    /// A receipt for each of `prepared`.
    async fn store(&self, conn: &mut Connection, tenant_id: Uuid) -> Result<Vec<Receipt>, AppendError> {
        if self.prepared.is_empty() {
            return Ok(Vec::new());
        }
        let mut sorted: Vec<&PreparedEvent> = self.prepared.iter().collect();
        sorted.sort_unstable_by_key(|event| (&event.recorded_by, &event.request_id));
        let received = store::insert_events(conn, tenant_id, &sorted).await?;

        let taken: Vec<&PreparedEvent> = self
            .prepared
            .iter()
            .filter(|event| !received.contains_key(&event.event_id))
            .collect();
        let recorded = if taken.is_empty() {
            HashMap::new()
        } else {
            store::list_recorded(conn, tenant_id, &taken).await?
        };
        self.prepared
            .iter()
            .zip(&self.contents)
            .map(|(event, content)| {
                if let Some(received_at) = received.get(&event.event_id) {
                    return Ok(receipt(event, *received_at));
                }
                let key = (event.recorded_by.clone(), event.request_id.clone());
                let recorded = recorded.get(&key).ok_or(sqlx::Error::RowNotFound)?;
                if recorded.content_hash != salted_hash(&recorded.content_salt, content) {
                    return Err(AppendError::Conflict {
                        request_id: event.request_id.clone(),
                    });
                }
                first_receipt(event, recorded)
            })
            .collect()
    }
}

fn refused(event: &NewAuditEvent, error: EntryError) -> AppendError {
    let request_id = event.request_id.clone();
    match error {
        EntryError::TooLong => AppendError::TooLarge { request_id },
        source => AppendError::Unrecordable { request_id, source },
    }
}

fn receipt(event: &PreparedEvent, received_at: DateTime<Utc>) -> Receipt {
    Receipt {
        event_id: event.event_id,
        request_id: event.request_id.clone(),
        leaf_hash: event.leaf_hash,
        received_at,
        duplicate: false,
    }
}

fn first_receipt(event: &PreparedEvent, recorded: &Recorded) -> Result<Receipt, AppendError> {
    let leaf_hash = recorded
        .leaf_hash
        .as_slice()
        .try_into()
        .map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    Ok(Receipt {
        event_id: recorded.event_id,
        request_id: event.request_id.clone(),
        leaf_hash,
        received_at: recorded.received_at,
        duplicate: true,
    })
}
