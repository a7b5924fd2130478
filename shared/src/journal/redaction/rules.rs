//! Patterns of secrets, after the rules of gitleaks, with the product's own added.
//!
//! A pattern takes all the characters a secret of its kind could go on with, so that no tail of one is left behind. The
//! class of characters in front is written out: there is no look-behind in linear-time matching, and a `\b` would miss
//! `key_sk_live_…`.

use std::{ops::Range, sync::LazyLock};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use regex::Regex;

use super::{assignments, cards, encoded, is_marker};

/// One kind of secret and how it is recognised.
pub(super) struct Rule {
    pub(super) name: &'static str,
    finder: Finder,
}

enum Finder {
    /// The group `secret` of a match is what is hidden; without one, all of it.
    Pattern {
        pattern: Regex,
        holds: Check,
    },
    Function(Find),
}

/// Where secrets of one kind stand in a text, in order and apart.
type Find = fn(&str) -> Vec<Range<usize>>;

/// A last look at the secret.
type Check = fn(secret: &str) -> bool;

/// A character written as its escape: in a text inside a text (`\n`, `\x20`, `\u003c`, `\040`), and in a query, encoded any
/// number of times (`%20`, `%2520`). Its letters are no part of what stands behind it.
pub(super) const ESCAPE: &str =
    r"(?:\\(?:[abefnrtv]|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[0-7]{1,3})|%(?:25){0,8}[0-9A-Fa-f]{2})";

/// What `<front>` stands for in a pattern: the character in front of a secret, or the escape of one. The product's own
/// credentials need no front, because no word is written like one.
const FRONT: &str = r"(?:\A|[^0-9A-Za-z]|<escape>)";

/// In the order in which they are tried: what says most about the secret comes first.
const PATTERNS: &[(&str, &str, Check)] = &[
    // A key that was cut off is as secret as a whole one.
    (
        "private-key",
        r"-----BEGIN[ A-Z0-9_-]{0,100}PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END[ A-Z0-9_-]{0,100}PRIVATE KEY(?: BLOCK)?-----|\z)",
        always,
    ),
    (
        "aws-access-key-id",
        r"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16,}",
        always,
    ),
    (
        "github-token",
        r"(?:gh[pousr]_[0-9A-Za-z]{36}|github_pat_[0-9A-Za-z_]{22})[0-9A-Za-z_]*",
        always,
    ),
    ("gitlab-token", r"glpat-[0-9A-Za-z_-]{20,}", always),
    (
        "slack-token",
        r"(?:xox[abeoprs]-[0-9A-Za-z-]{10,}|xapp-[0-9]-[0-9A-Za-z-]{10,})",
        always,
    ),
    (
        "slack-webhook",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/(?<secret>[0-9A-Za-z+/_-]{20,})",
        always,
    ),
    (
        "stripe-key",
        r"<front>(?<secret>(?:sk|rk)_(?:test|live|prod)_[0-9A-Za-z_]{10,})",
        always,
    ),
    ("google-api-key", r"AIza[0-9A-Za-z_-]{35,}", always),
    ("anthropic-api-key", r"sk-ant-[0-9A-Za-z_-]{20,}", always),
    (
        "openai-api-key",
        r"<front>(?<secret>sk-(?:(?:proj|svcacct|admin)-[0-9A-Za-z_-]{20,}|[0-9A-Za-z]{20}T3BlbkFJ[0-9A-Za-z]{20,}))",
        always,
    ),
    ("npm-token", r"npm_[0-9A-Za-z]{36,}", always),
    ("pypi-token", r"pypi-AgEIcHlwaS5vcmc[0-9A-Za-z_-]{50,}", always),
    (
        "jwt",
        r"eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]*\.[0-9A-Za-z_-]*(?:\.[0-9A-Za-z_-]*){0,2}",
        always,
    ),
    // Without a front only as keys are minted: `metrics_production_dashboard_of_the_whole_fleet` is a name.
    (
        "countersign-api-key",
        r"<front>(?<secret>cs_[a-z]{2,16}_[0-9A-Za-z]{8,}_[0-9A-Za-z_]{20,})|cs_(?:dev|staging|production)_[0-9A-Za-z]{22}_[0-9A-Za-z_]{20,}",
        always,
    ),
    ("countersign-token", r"cs[lt]_[0-9A-Za-z_-]{32,}", always),
    ("webhook-secret", r"whsec_[0-9A-Za-z+/_-]{16,}={0,2}", always),
    (
        "bearer-token",
        r"<front>(?i-u:bearer)[ \t]+(?<secret>[0-9A-Za-z._~+/-]{8,}=*)",
        |secret| secret.len() >= 20 || secret.bytes().any(|byte| byte.is_ascii_digit()),
    ),
    (
        "basic-credentials",
        r"<front>(?i-u:basic)[ \t]+(?<secret>[0-9A-Za-z+/]{4,}={0,2})",
        |secret| {
            STANDARD_NO_PAD
                .decode(secret.trim_end_matches('='))
                .is_ok_and(|pair| pair.contains(&b':'))
        },
    ),
    // Up to the last @ of the authority, for passwords that hold one unescaped.
    (
        "url-password",
        r#"://[^ \t\r\n/?\#:@"'<>]*:(?<secret>[^ \t\r\n/?\#"'<>]+)@"#,
        |secret| !is_marker(secret),
    ),
    // MySQL's clients take a password directly behind `-p`; with other programs the letter means other things.
    (
        "mysql-password",
        r#"<front>(?:mysql|mariadb)(?:-?(?:dump|admin|import|check|show))?[ \t](?:[^\r\n|;&]*?[ \t])?-p(?:\\{0,8}["'])?(?<secret>[^ \t\r\n"'|;&]+)"#,
        |secret| !is_marker(secret),
    ),
];

// Compiled once a process: constant, and too slow to do for every call.
static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let patterns = PATTERNS.iter().map(|&(name, pattern, holds)| {
        let pattern = pattern.replace("<front>", FRONT).replace("<escape>", ESCAPE);
        let pattern = Regex::new(&pattern).expect("every pattern of the table compiles");
        Rule {
            name,
            finder: Finder::Pattern { pattern, holds },
        }
    });
    // A card number may have spaces, where an assigned value ends.
    let functions: [(&str, Find); 3] = [
        (encoded::NAME, encoded_credentials),
        (cards::NAME, cards::spans),
        (assignments::NAME, assignments::spans),
    ];
    let functions = functions.into_iter().map(|(name, find)| Rule {
        name,
        finder: Finder::Function(find),
    });
    patterns.chain(functions).collect()
});

/// Every rule, in the order of the table.
pub(super) fn all() -> impl Iterator<Item = &'static Rule> {
    RULES.iter()
}

/// The rules that know a credential by its form alone, in the order of the table.
pub(super) fn by_form() -> impl Iterator<Item = &'static Rule> {
    RULES
        .iter()
        .filter(|rule| !matches!(rule.name, cards::NAME | assignments::NAME))
}

/// Where credentials of ours stand in base64.
fn encoded_credentials(text: &str) -> Vec<Range<usize>> {
    let patterns = || {
        RULES
            .iter()
            .filter(|rule| matches!(rule.finder, Finder::Pattern { .. }))
    };
    encoded::spans(text, |inner| patterns().any(|rule| !rule.spans(inner).is_empty()))
}

impl Rule {
    /// Where secrets of this kind stand in a text, in order and apart.
    pub(super) fn spans(&self, text: &str) -> Vec<Range<usize>> {
        match &self.finder {
            Finder::Function(find) => find(text),
            Finder::Pattern { pattern, holds } => pattern
                .captures_iter(text)
                .filter_map(|captures| {
                    let secret = captures.name("secret").or_else(|| captures.get(0))?;
                    let secret = secret.start()..unescaped_end(text, secret.end());
                    (!secret.is_empty() && holds(&text[secret.clone()])).then_some(secret)
                })
                .collect(),
        }
    }
}

/// Where a secret ends whose pattern took the backslashes of the quote behind it (`\"`). They are the quote's: without them
/// it would close an outer text.
fn unescaped_end(text: &str, end: usize) -> usize {
    if text[end..].starts_with(['"', '\'']) {
        text[..end].trim_end_matches('\\').len()
    } else {
        end
    }
}

fn always(_secret: &str) -> bool {
    true
}
