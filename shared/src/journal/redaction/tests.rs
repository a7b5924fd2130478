//! Tests of redaction as a whole. Secrets in here are made by their form and open nothing.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn sanitized(arguments: &Value) -> Sanitized {
    sanitize(arguments.as_object().expect("an object"))
}

fn check(arguments: &Value, expected: &Value, flags: &[&str]) {
    let result = sanitized(arguments);
    assert_eq!(&Value::Object(result.arguments), expected);
    assert_eq!(result.flags, flags);
}

#[test]
fn a_value_under_a_sensitive_key_is_hidden_whole_whatever_it_is() {
    check(
        &json!({"user": "ada", "password": "p", "pin": 1234, "session": {"id": 7}, "cookies": ["a"], "otp": null,
               "has_token": true, "nested": [{"X-Api-Key": "k"}]}),
        &json!({"user": "ada", "password": "[REDACTED]", "pin": "[REDACTED]", "session": "[REDACTED]",
               "cookies": "[REDACTED]", "otp": null, "has_token": true, "nested": [{"X-Api-Key": "[REDACTED]"}]}),
        &["key:api_key", "key:cookies", "key:password", "key:pin", "key:session"],
    );
}

#[test]
fn a_flag_names_the_listed_word_and_nothing_the_caller_wrote() {
    let result = sanitized(&json!({"token of Ada Lovelace": "x"}));
    assert_eq!(result.flags, ["key:token"]);
}

#[test]
fn a_match_is_hidden_and_the_text_around_it_stays() {
    let key = format!("AKIA{}", "Q".repeat(16));
    check(
        &json!({"note": format!("use {key}, please")}),
        &json!({"note": "use [REDACTED:aws-access-key-id], please"}),
        &["rule:aws-access-key-id"],
    );
}

#[test]
fn context_that_marks_a_secret_stays_readable() {
    for (text, expected) in [
        (
            "curl -H 'Authorization: Bearer abc12345' x",
            "curl -H 'Authorization: Bearer [REDACTED:bearer-token]' x",
        ),
        (
            "Authorization: Basic YWRhOmxvdmU=",
            "Authorization: Basic [REDACTED:basic-credentials]",
        ),
        (
            "postgres://ada:p@ss:w0rd@db.local/x",
            "postgres://ada:[REDACTED:url-password]@db.local/x",
        ),
        (
            "redis://:love@cache:6379",
            "redis://:[REDACTED:url-password]@cache:6379",
        ),
        (
            "PGPASSWORD=love psql -U ada",
            "PGPASSWORD=[REDACTED:assigned-secret] psql -U ada",
        ),
        (
            "run --token=\"love\" --dry",
            "run --token=\"[REDACTED:assigned-secret]\" --dry",
        ),
        (
            r#"{"x": "password=\"love\"", "#,
            r#"{"x": "password=\"[REDACTED:assigned-secret]\"", "#,
        ),
        (
            "https://x.io/cb?access_token=love&a=1",
            "https://x.io/cb?access_token=[REDACTED:assigned-secret]&a=1",
        ),
    ] {
        assert_eq!(sanitized(&json!({ "a": text })).arguments["a"], expected);
    }
}

#[test]
fn listed_headers_and_the_options_of_a_command_are_pairs() {
    check(
        &json!({"env": [{"name": "DB_PASSWORD", "value": "p"}, {"name": "HOME", "value": "/root"}],
               "argv": ["mysql", "--password", "p", "-u", "root"]}),
        &json!({"env": [{"name": "DB_PASSWORD", "value": "[REDACTED]"}, {"name": "HOME", "value": "/root"}],
               "argv": ["mysql", "--password", "[REDACTED]", "-u", "root"]}),
        &["key:password"],
    );
}

#[test]
fn json_inside_a_string_is_sanitized_as_json() {
    check(
        &json!({"body": r#"{"user": "ada", "password": "p", "inner": "[{\"token\": 1}]"}"#, "clean": r#"{ "a" : 1 }"#}),
        &json!({"body": r#"{"user":"ada","password":"[REDACTED]","inner":"[{\"token\":\"[REDACTED]\"}]"}"#,
               "clean": r#"{ "a" : 1 }"#}),
        &["key:password", "key:token"],
    );
}

#[test]
fn json_inside_a_string_keeps_every_kind_of_value_when_it_is_written_again() {
    let text =
        r#"[{"pin": 1}, null, true, false, 18446744073709551615, -9223372036854775808, 0.5, -1e300, "ü\n", [], {}]"#;
    check(
        &json!({ "a": text }),
        &json!({"a": r#"[{"pin":"[REDACTED]"},null,true,false,18446744073709551615,-9223372036854775808,0.5,-1e+300,"ü\n",[],{}]"#}),
        &["key:pin"],
    );
}

#[test]
fn json_inside_a_string_that_repeats_a_key_is_hidden_whole() {
    for text in [
        r#"{"password":"p","password":null}"#,
        r#"[{"x":{"password":"p"},"x":1}]"#,
    ] {
        check(
            &json!({ "a": text }),
            &json!({"a": "[REDACTED:ambiguous-json]"}),
            &["rule:ambiguous-json"],
        );
    }
    let broken_off = r#"{"x":1,"x":2, and so on"#;
    check(&json!({ "a": broken_off }), &json!({ "a": broken_off }), &[]);
}

#[test]
fn json_inside_too_many_strings_is_hidden_whole() {
    let mut text = r#"{"password":"p"}"#.to_owned();
    for _ in 0..MAX_EMBEDDED {
        text = Value::from(vec![text]).to_string();
    }
    let result = sanitized(&json!({ "a": text }));
    assert_eq!(result.flags, ["rule:too-deep"]);
    assert!(!result.arguments["a"].to_string().contains("password"));
}

#[test]
fn nesting_beyond_the_bound_is_hidden_whole() {
    let mut value = json!({"password": "p"});
    for _ in 0..=MAX_DEPTH {
        value = json!([value]);
    }
    assert_eq!(sanitized(&json!({ "a": value })).flags, ["rule:too-deep"]);
}

#[test]
fn keys_that_hold_secrets_are_replaced_and_stay_apart() {
    let key = |letter: &str| format!("ghp_{}", letter.repeat(36));
    check(
        &json!({key("a"): 1, key("b"): 2, "[REDACTED:github-token]": 3}),
        &json!({"[REDACTED:github-token]": 1, "[REDACTED:github-token]#2": 2, "[REDACTED:github-token]#3": 3}),
        &["rule:github-token"],
    );
}

#[test]
fn a_card_number_may_be_a_number() {
    check(
        &json!({"card": 4_111_111_111_111_111_u64, "at": 1_763_635_200_000_u64, "share": 0.411_111_111_111_111_1}),
        &json!({"card": "[REDACTED:card-number]", "at": 1_763_635_200_000_u64, "share": 0.411_111_111_111_111_1}),
        &["rule:card-number"],
    );
}

#[test]
fn text_that_is_about_secrets_without_holding_one_is_left_alone() {
    for text in [
        "",
        "Bearer authentication is required; basic access too",
        "the task_live_migration ran, see docs_dev_guide_internationalisation",
        "https://example.com:8080/a@b?x=y",
        "mailto:ada@example.com",
        "x = y, max_tokens=100, author=ada",
        "-----BEGIN CERTIFICATE-----",
        "019a9f3c-7c1e-7a3b-8d2e-0123456789ab",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "2026-11-20T08:00:00.000Z",
        "[REDACTED]",
        "{not json",
    ] {
        check(&json!({ "a": text }), &json!({ "a": text }), &[]);
    }
}

#[test]
fn a_megabyte_made_of_beginnings_is_searched_without_going_wrong() {
    for piece in [
        "eyJ",
        "://a:",
        "-----BEGIN PRIVATE KEY-----",
        "4111 ",
        "token=",
        "[[",
        "xoxb-",
        "Bearer ",
    ] {
        let text = piece.repeat((1 << 20) / piece.len());
        let once = sanitized(&json!({ "a": text }));
        assert_eq!(sanitize(&once.arguments).arguments, once.arguments, "{piece}");
    }
}

/// A secret by its form, of any rule.
fn secret() -> impl Strategy<Value = String> {
    prop_oneof![
        "-----BEGIN (RSA |EC |OPENSSH )?PRIVATE KEY-----\n[A-Za-z0-9+/]{40}\n-----END (RSA |EC |OPENSSH )?PRIVATE KEY-----",
        "(AKIA|ASIA|A3TX)[A-Z2-7]{16}",
        "gh[pousr]_[0-9A-Za-z]{36}",
        "github_pat_[0-9A-Za-z]{22}_[0-9A-Za-z]{59}",
        "glpat-[0-9A-Za-z_-]{20}",
        "xox[bp]-[0-9]{11}-[0-9]{11}-[0-9A-Za-z]{24}",
        "xapp-1-[A-Z0-9]{10}-[0-9]{11}-[0-9a-f]{64}",
        "(sk|rk)_(test|live)_[0-9A-Za-z]{24}",
        "AIza[0-9A-Za-z_-]{35}",
        "sk-ant-api03-[0-9A-Za-z_-]{93}AA",
        "sk-proj-[0-9A-Za-z_-]{74}",
        "npm_[0-9A-Za-z]{36}",
        "pypi-AgEIcHlwaS5vcmc[0-9A-Za-z_-]{60}",
        "eyJ[0-9A-Za-z_-]{17,40}\\.eyJ[0-9A-Za-z_-]{17,40}\\.[0-9A-Za-z_-]{43}",
        "cs_(dev|staging|production)_[0-9A-Za-z]{22}_[0-9A-Za-z]{33}",
        "cst_[0-9A-Za-z_-]{43}",
        "csl_[0-9A-Za-z_-]{64}",
        "whsec_[0-9A-Za-z+/]{32}",
        Just("4111111111111111".to_owned()),
        Just("5500 0055 5555 5559".to_owned()),
    ]
}

/// Text with nothing in it that a rule could take for a secret.
fn harmless() -> impl Strategy<Value = String> {
    "[ a-zäß,.;!?()\n]{0,20}"
}

fn plain_key() -> impl Strategy<Value = String> {
    // Digits behind the word, because letters could spell the ending of a sensitive one.
    "(note|path|amount|user|items|text)[0-9]{0,3}"
}

/// Arguments with the secret planted once: in a text, as a key, in JSON inside a string, or behind a sensitive key.
fn planted(secret: String) -> impl Strategy<Value = Value> {
    let text = (harmless(), harmless()).prop_map(move |(before, after)| format!("{before} {secret} {after}"));
    (text, plain_key(), 0_usize..8).prop_map(|(text, key, place)| match place {
        0 => json!({ key: text }),
        1 => json!({ key: [1, { "deep": [text] }] }),
        2 => json!({ text: 1 }),
        3 => json!({ key: json!({ "body": text }).to_string() }),
        4 => json!({ key: json!([json!({ text: [null] }).to_string()]).to_string() }),
        5 => json!({ "clientSecret": { "a": text } }),
        6 => json!({ key: format!("<{text}>"), "other": text }),
        _ => json!({ key: ["--api-key", text] }),
    })
}

fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-1_000_000_000_i64..1_000_000_000).prop_map(Value::from),
        (-1.0_f64..1.0).prop_map(Value::from),
        harmless().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(plain_key(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_planted_secret_survives((secret, arguments) in secret().prop_flat_map(|s| (Just(s.clone()), planted(s)))) {
        let result = sanitized(&arguments);
        let output = Value::Object(result.arguments).to_string();
        // As the secret itself and as JSON would spell it, at either depth.
        let spelled = json!(secret).to_string();
        prop_assert!(!output.contains(&secret), "{output}");
        prop_assert!(!output.contains(spelled.trim_matches('"')), "{output}");
        prop_assert!(!result.flags.is_empty());
        prop_assert!(!result.flags.concat().contains(&secret));
    }

    #[test]
    fn secrets_without_anything_between_them_do_not_protect_each_other(
        secrets in prop::collection::vec(secret(), 2..5),
        glue in "[-_ =:/@.,\"']?",
    ) {
        let once = sanitized(&json!({ "a": secrets.join(&glue) }));
        prop_assert_eq!(sanitize(&once.arguments).arguments, once.arguments);
    }

    #[test]
    fn sanitizing_again_changes_nothing(arguments in secret().prop_flat_map(planted)) {
        let once = sanitized(&arguments);
        prop_assert_eq!(&sanitize(&once.arguments).arguments, &once.arguments);
    }

    #[test]
    fn sanitizing_any_text_again_changes_nothing(text: String, key: String) {
        let once = sanitized(&json!({ key: text }));
        prop_assert_eq!(&sanitize(&once.arguments).arguments, &once.arguments);
    }

    #[test]
    fn arguments_without_secrets_are_unchanged(value in tree(), key in plain_key()) {
        check(&json!({ &key: value }), &json!({ key: value }), &[]);
    }

    #[test]
    fn flags_are_sorted_and_unique(secrets in prop::collection::vec(secret(), 0..6)) {
        let flags = sanitized(&json!({ "list": secrets, "pin": 1, "cvv": 2 })).flags;
        prop_assert!(flags.is_sorted());
        prop_assert!(flags.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
