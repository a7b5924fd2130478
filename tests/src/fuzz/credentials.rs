//! What a client presents as its own: API keys, approval tokens, cursors.

use std::future::Future;

use serde_json::json;
use shared::{
    auth::{ApiKey, Environment, Principal, Role, Subject},
    http::{Cursor, PageSize},
};
use uuid::Uuid;

/// Parsing takes a key or refuses it, alone and behind the prefixes and checksums that let it get further; what it takes it
/// never shows, and changed in one letter it is taken no more.
pub(super) fn api_key(data: &[u8]) {
    const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let text = String::from_utf8_lossy(data);
    for body in [
        text.to_string(),
        format!("cs_dev_{text}"),
        format!("cs_production_{:0>22}_{text}", "7"),
        format!("cs_dev_{text}_{:0>27}", "x"),
    ] {
        let _ = ApiKey::parse(&body);
        let mut checksum = crc32fast::hash(body.as_bytes());
        let mut digits = [b'0'; 6];
        for digit in digits.iter_mut().rev() {
            *digit = BASE62[usize::try_from(checksum % 62).unwrap_or_default()];
            checksum /= 62;
        }
        let whole = format!("{body}{}", String::from_utf8_lossy(&digits));
        let Ok(key) = ApiKey::parse(&whole) else { continue };
        assert_eq!(
            ApiKey::parse(&whole).as_ref(),
            Ok(&key),
            "the same text is the same key"
        );
        let secret = &body[body.len() - 27..];
        assert!(!format!("{key:?}").contains(secret), "a key shows its secret");
        for at in 0..whole.len() {
            let letter = if &whole[at..=at] == "0" { "1" } else { "0" };
            let typo = format!("{}{letter}{}", &whole[..at], &whole[at + 1..]);
            assert!(ApiKey::parse(&typo).is_err(), "{typo} is taken for {whole}");
        }
    }
}

/// A body with a token is read or refused, and a log shows nothing of the token; so is a body that makes a request.
pub(super) fn approval_token(data: &[u8]) {
    let principal = Principal {
        tenant_id: Uuid::from_u128(1),
        key_id: Uuid::from_u128(2),
        subject: Subject::Agent("fuzz".to_owned()),
        role: Role::Agent,
        owner_user_id: None,
        trust_level: 1,
        environment: Environment::Dev,
    };
    let text = String::from_utf8_lossy(data).replace('\0', "0");
    let token = json!({ "token": text }).to_string().into_bytes();
    let other = json!({ "token": format!("{text}x") }).to_string().into_bytes();
    wait(async {
        if let Ok((_, shown)) = approval::testing::read_check(data.to_owned()).await {
            assert_eq!(shown, "ApprovalCheck { token: *** }");
        }
        let _ = approval::testing::read_request(data.to_owned(), &principal).await;
        // Over 1 MiB a body is refused for its length.
        let (read, other) = (
            approval::testing::read_check(token).await,
            approval::testing::read_check(other).await,
        );
        if let (Ok((digest, shown)), Ok((other, _))) = (read, other) {
            assert_eq!(shown, "ApprovalCheck { token: *** }");
            assert_ne!(digest, other, "two tokens are one");
        } else {
            assert!(data.len() > 1 << 16, "a text is no token");
        }
        let request = json!({ "tool_call": { "tool": text, "server": text }, "reason": text, "request_id": text });
        let _ = approval::testing::read_request(request.to_string().into_bytes(), &principal).await;
    });
}

/// A cursor is the list's own or is refused: no bytes lead behind an id that the list did not end a page with.
pub(super) fn cursor(data: &[u8]) {
    let (tenant, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let list = Cursor::of("fuzz", tenant, &"filter");
    let text = String::from_utf8_lossy(data);
    let id = data
        .get(..16)
        .and_then(|bytes| Uuid::from_slice(bytes).ok())
        .unwrap_or_default();
    let rows = vec![id; 51];
    let Some(own) = list.page(rows, PageSize::default(), |id| *id).next_cursor else {
        panic!("a page of 50 out of 51 ends with a cursor");
    };
    assert!(matches!(list.read(Some(&own)), Ok(Some(read)) if read == id));
    if let Ok(Some(read)) = list.read(Some(&text)) {
        let again = list.page(vec![read; 51], PageSize::default(), |id| *id).next_cursor;
        assert_eq!(again.as_deref(), Some(&*text), "two spellings of one cursor");
    }
    for stranger in [
        Cursor::of("other", tenant, &"filter"),
        Cursor::of("fuzz", other, &"filter"),
        Cursor::of("fuzz", tenant, &"filters"),
    ] {
        assert!(stranger.read(Some(&own)).is_err(), "{own} belongs to two lists");
    }
    let rest = String::from_utf8_lossy(data.get(16..).unwrap_or_default());
    let longer = format!("{own}{rest}");
    assert!(
        rest.is_empty() || list.read(Some(&longer)).is_err(),
        "{longer} is taken"
    );
}

/// Runs what never waits for anything.
fn wait(work: impl Future<Output = ()>) {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().build().unwrap_or_else(|error| panic!("no runtime: {error}"));
    }
    RUNTIME.with(|runtime| runtime.block_on(work));
}
