//! Lists, a page at a time, by keyset.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use super::ApiError;

/// One page of a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Page<T> {
    /// The objects, newest first.
    pub data: Vec<T>,
    /// Where the next page begins; null on the last.
    pub next_cursor: Option<String>,
}

/// A Lambda's answer may have 6 MB, in which the body stands as a JSON string: every quote and backslash in it counts
/// once more.
const LONGEST_PAGE_BYTES: usize = 5 << 20;

/// How many objects a page holds: 1 to 200, 50 when not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSize(i64);

impl Default for PageSize {
    fn default() -> Self {
        Self(50)
    }
}

impl PageSize {
    /// One more than the page holds: if it comes back, there is a next page.
    #[must_use]
    pub fn and_one(self) -> i64 {
        self.0 + 1
    }
}

impl<'de> Deserialize<'de> for PageSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let limit = i64::deserialize(deserializer).map_err(|_| D::Error::custom("expected a number from 1 to 200"))?;
        if (1..=200).contains(&limit) {
            Ok(Self(limit))
        } else {
            Err(D::Error::custom("expected a number from 1 to 200"))
        }
    }
}

/// Makes and reads the cursors of one list under one set of filters.
///
/// A cursor is the last id seen and a fingerprint of tenant, list and filters. It carries no authority: whatever it
/// says, row-level security decides what is seen. The fingerprint keeps a client from walking one list with the cursor
/// of another, and notices damage.
#[derive(Debug)]
pub struct Cursor([u8; 32]);

impl Cursor {
    /// The cursors of `list` in `tenant_id` under `filters`. Every filter must be in it.
    #[must_use]
    pub fn of(list: &str, tenant_id: Uuid, filters: &impl std::fmt::Debug) -> Self {
        let mut hash = Sha256::new_with_prefix("countersign/cursor/v1\0");
        hash.update(format!("{list}\0{tenant_id}\0{filters:?}"));
        Self(hash.finalize().into())
    }

    /// The id after which the page begins.
    ///
    /// # Errors
    /// `INVALID_CURSOR`.
    pub fn read(&self, cursor: Option<&str>) -> Result<Option<Uuid>, ApiError> {
        let Some(cursor) = cursor else { return Ok(None) };
        let bytes = BASE64_URL_SAFE_NO_PAD
            .decode(cursor)
            .map_err(|_| ApiError::invalid_cursor())?;
        let (id, tag) = bytes.split_at_checked(16).ok_or_else(ApiError::invalid_cursor)?;
        let id = Uuid::from_slice(id).map_err(|_| ApiError::invalid_cursor())?;
        if tag == self.tag(id) {
            Ok(Some(id))
        } else {
            Err(ApiError::invalid_cursor())
        }
    }

    /// Cuts the extra row off, and whatever makes the answer too long, and points behind the last one shown.
    pub fn page<T: Serialize>(&self, mut rows: Vec<T>, size: PageSize, id: impl Fn(&T) -> Uuid) -> Page<T> {
        let limit = usize::try_from(size.0).unwrap_or(usize::MAX);
        let fitting = rows
            .iter()
            .scan(0_usize, |bytes, row| {
                let json = serde_json::to_vec(row).unwrap_or_default();
                let escaped = json.iter().filter(|byte| matches!(byte, b'"' | b'\\')).count();
                *bytes = bytes.saturating_add(json.len() + escaped);
                Some(*bytes)
            })
            .take_while(|bytes| *bytes <= LONGEST_PAGE_BYTES)
            .count();
        // One object is shown whatever its size, or the list could not be walked past it.
        let kept = limit.min(fitting.max(1));
        let more = rows.len() > kept;
        rows.truncate(kept);
        let next_cursor = rows.last().filter(|_| more).map(|last| self.write(id(last)));
        Page {
            data: rows,
            next_cursor,
        }
    }

    fn write(&self, id: Uuid) -> String {
        BASE64_URL_SAFE_NO_PAD.encode([id.as_bytes().as_slice(), &self.tag(id)].concat())
    }

    fn tag(&self, id: Uuid) -> [u8; 8] {
        let digest = Sha256::new()
            .chain_update(self.0)
            .chain_update(id.as_bytes())
            .finalize();
        let mut tag = [0; 8];
        tag.copy_from_slice(&digest[..8]);
        tag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_belongs_to_its_list_tenant_and_filters() {
        let (tenant, id) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let ours = Cursor::of("approvals", tenant, &Some("PENDING"));
        let cursor = ours.write(id);
        assert_eq!(ours.read(Some(&cursor)).expect("our own"), Some(id));
        for other in [
            Cursor::of("users", tenant, &Some("PENDING")),
            Cursor::of("approvals", Uuid::from_u128(9), &Some("PENDING")),
            Cursor::of("approvals", tenant, &None::<&str>),
        ] {
            assert!(other.read(Some(&cursor)).is_err());
        }
    }

    #[test]
    fn every_changed_letter_is_noticed() {
        let ours = Cursor::of("approvals", Uuid::from_u128(1), &());
        let cursor = ours.write(Uuid::from_u128(2));
        for at in 0..cursor.len() {
            let mut letters: Vec<char> = cursor.chars().collect();
            letters[at] = if letters[at] == 'A' { 'B' } else { 'A' };
            let changed: String = letters.into_iter().collect();
            assert!(ours.read(Some(&changed)).is_err(), "letter {at}");
        }
        assert!(ours.read(Some("")).is_err());
    }

    #[test]
    fn a_page_ends_before_it_is_too_long_and_always_holds_something() {
        let ours = Cursor::of("texts", Uuid::nil(), &());
        let page = |sizes: &[usize]| {
            let rows: Vec<String> = sizes.iter().map(|size| "\"".repeat(*size)).collect();
            let page = ours.page(rows, PageSize::default(), |_| Uuid::nil());
            (page.data.len(), page.next_cursor.is_some())
        };
        // A quote of a text is four bytes on its way out: escaped in the body, and both escaped again around it.
        assert_eq!(page(&[1 << 18; 4]), (4, false));
        assert_eq!(page(&[1 << 18; 6]), (4, true));
        assert_eq!(page(&[2 << 20, 1]), (1, true));
        assert_eq!(page(&[2 << 20]), (1, false));
    }

    #[test]
    fn a_page_points_on_only_when_there_is_more() {
        let ours = Cursor::of("numbers", Uuid::nil(), &());
        let ids = |count: u128| (0..count).map(Uuid::from_u128).collect::<Vec<_>>();
        let full = ours.page(ids(51), PageSize::default(), |id| *id);
        assert_eq!((full.data.len(), full.next_cursor.is_some()), (50, true));
        let last = ours.page(ids(50), PageSize::default(), |id| *id);
        assert_eq!((last.data.len(), last.next_cursor), (50, None));
    }
}
