//! HTTP as the contract has it: one envelope for every error, extractors that answer in it, and the frame around every
//! request.
//!
//! No route and no domain rule may enter.

mod app;
mod caller;
mod cors;
mod error;
mod extract;
mod frame;
mod idempotency;
mod json;
mod json_shape;
mod openapi;
mod pages;
mod quoting;
mod rate_limit;
mod request_id;
mod strict_json;
pub mod timestamp;

pub use app::app;
pub use caller::{Caller, OperatorAccess, roles};
pub use error::{ApiError, ErrorBody, ErrorCode};
pub use extract::{NoQuery, Path, PathSegment, Query, parse_uuid};
pub use idempotency::{Attempt, Idempotent, Once, Performed, Replayable, Work};
pub use json::{Json, OneOrMany};
pub use openapi::{CreateErrors, IdempotencyKey, PublicErrors, ReadErrors, WriteErrors};
pub use pages::{Cursor, Page, PageSize};
pub use strict_json::{StrictJsonError, parse_strict};
