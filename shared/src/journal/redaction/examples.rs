//! Examples of how secrets are written in practice, and of what looks alike and is none.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Each text with `«…»` around what must be hidden, by the rule for assigned secrets.
const ASSIGNED: &[&str] = &[
    "DB_PASS=«hunter2» ./migrate",
    "pw=«hunter2»",
    "dbpassword=«hunter2», rootpassword=«hunter3»",
    "password: «hunter2»",
    "password : «hunter2»",
    "password = «hunter2»",
    "password := «hunter2»",
    "password => '«hunter two»'",
    "user: ada\npassword: «hunter2»\nhost: db",
    r#"config is {"user": "ada", "password": "«hun \" ter2»", "port": 1}"#,
    r#"log "{\"password\": \"«hun ter2»\", \"port\": 1}""#,
    "{'token': '«abc def»'} and so on",
    r"POST\npass=«hunter2»",
    "a=DB_PASSWORD=«hunter2»",
    "**Password:** «hunter2»",
    "**Password**: `«hunter2»`",
    "the API key: «abc123»",
    "X-Api-Key: «abc»",
    "X-Api-Key:«abc»",
    "curl -H 'X-Api-Key: «abc»' https://x.io",
    "Cookie: «sid=abc; theme=dark»\nHost: x.io",
    r#"curl -H "Cookie: «sid=abc; theme=dark»" https://x.io"#,
    r#"sh -c "curl -H \"Cookie: «sid=abc; theme=dark»\" https://x.io""#,
    "Set-Cookie: «sid=abc; Path=/»",
    "Authorization: «abc»",
    "Authorization: «Custom abc def»",
    "Authorization: Token «abc»",
    "Authorization: Bearer «abc»",
    r#"Proxy-Authorization: Digest «username="ada", response="abc"»"#,
    "mysql --password «hunter2» -u root",
    "mysql --password=«hunter2» -u root",
    "mysql --password '«hunter two»' -u root",
    "java -storepass «hunter2»",
    "token=\"«abc def»",
];

#[test]
fn values_of_sensitive_names_in_a_text_are_hidden() {
    for example in ASSIGNED {
        let text = example.replace(['«', '»'], "");
        let mut expected = String::new();
        for (at, part) in example.split(['«', '»']).enumerate() {
            expected.push_str(if at % 2 == 1 {
                "[REDACTED:assigned-secret]"
            } else {
                part
            });
        }
        let result = sanitize_text(&text);
        assert_eq!(result.text, expected, "{text}");
        assert_eq!(result.flags, ["rule:assigned-secret"], "{text}");
        assert_eq!(sanitize_text(&expected).text, expected);
        assert_eq!(
            Value::Object(sanitize(&arguments(&json!({ "a": text }))).arguments),
            json!({ "a": expected })
        );
    }
}

#[test]
fn values_of_sensitive_names_among_arguments_are_hidden() {
    for (given, expected) in [
        (
            json!({"pass": "p", "pw": "p"}),
            json!({"pass": "[REDACTED]", "pw": "[REDACTED]"}),
        ),
        (json!({"dbpassword": "p"}), json!({"dbpassword": "[REDACTED]"})),
        (
            json!({"Name": "DB_PASSWORD", "Value": "p"}),
            json!({"Name": "DB_PASSWORD", "Value": "[REDACTED]"}),
        ),
        (
            json!({"ParameterKey": "DbPassword", "ParameterValue": "p"}),
            json!({"ParameterKey": "DbPassword", "ParameterValue": "[REDACTED]"}),
        ),
        (
            json!({"name": "x", "key": "DB_PASSWORD", "value": "p"}),
            json!({"name": "x", "key": "DB_PASSWORD", "value": "[REDACTED]"}),
        ),
        (
            json!({"name": "DB_PASSWORD", "key": 7, "value": ["p"]}),
            json!({"name": "DB_PASSWORD", "key": 7, "value": "[REDACTED]"}),
        ),
        (
            json!({"argv": ["-H", "X-Api-Key: abc", "-H", "Cookie: sid=abc; theme=dark"]}),
            json!({"argv": ["-H", "X-Api-Key: [REDACTED:assigned-secret]", "-H", "Cookie: [REDACTED:assigned-secret]"]}),
        ),
        (
            json!({"argv": ["mysql", "--password=p", "-u", "root", "--pass", "p"]}),
            json!({"argv": ["mysql", "--password=[REDACTED:assigned-secret]", "-u", "root", "--pass", "[REDACTED]"]}),
        ),
    ] {
        let result = sanitize(&arguments(&given)).arguments;
        assert_eq!(sanitize(&result).arguments, result);
        assert_eq!(Value::Object(result), expected);
    }
}

#[test]
fn a_password_behind_the_letter_is_hidden_for_the_clients_of_mysql_only() {
    assert_eq!(
        sanitize_text("mysqldump -u root -phunter2 --port 3306 app").text,
        "mysqldump -u root -p[REDACTED:mysql-password] --port 3306 app"
    );
    for text in ["ssh -p2222 db", "mysql --port 3306; mkdir -pv x", "mysql -p app"] {
        assert_eq!(sanitize_text(text).text, text);
    }
}

/// What can stand in front of a credential without anything between: escapes of texts inside texts and of queries.
const FRONTS: &[&str] = &[
    r"\n",
    r"\r",
    r"\t",
    r"\f",
    r"\b",
    r"\v",
    r"\a",
    r"\e",
    r"\0",
    r"\x20",
    r"\x3C",
    r"\u003c",
    r"\u0022",
    r"\\u0022",
    r"\u{20}",
    r"\U00000020",
    r"\040",
    "%20",
    "%0a",
    "%2520",
    "%25252520",
];

/// What can stand there as well, and is no escape.
const UNESCAPED: &[&str] = &["\u{1b}[32m", "x", "key0", "=3D", "=20"];

#[test]
fn a_credential_is_known_behind_every_escape() {
    let product = [
        format!("cs_dev_{}_{}", "0aB".repeat(8).split_at(22).0, "aB3".repeat(11)),
        format!("cst_{}", "a-_Z".repeat(11).split_at(43).0),
        format!("csl_{}", "a-_Z".repeat(16)),
        format!("whsec_{}", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    ];
    let others = [
        format!("sk_{}_{}", "live", "a1B2".repeat(6)),
        format!("sk-proj-{}", "a1B2".repeat(6)),
        format!("Bearer {}", "a1B2".repeat(6)),
        "Basic YWRhOmxvdmU=".to_owned(),
        "mysql -phunter2x".to_owned(),
    ];
    // No word is written like the product's own, so those need nothing in front at all.
    let own = FRONTS.iter().chain(UNESCAPED).map(|front| (*front, &product[..]));
    let every = own.chain(FRONTS.iter().map(|front| (*front, &others[..])));
    let mut tried = 0;
    for (front, secret) in every.flat_map(|(front, secrets)| secrets.iter().map(move |secret| (front, secret))) {
        tried += 1;
        // Of some, the word in front says what it is and stays.
        let hidden = secret
            .rsplit([' ', 'p'])
            .next()
            .filter(|_| !secret.starts_with("sk"))
            .unwrap_or(secret);
        for text in [
            format!("{front}{secret}"),
            format!("a line{front}{secret}{front} and more"),
        ] {
            assert!(credential(&text).is_some(), "not refused: {text}");
            let masked = mask_credentials(&text, "***");
            assert!(masked.contains("***") && !masked.contains(hidden), "{masked}");
            let sanitized = sanitize_text(&text);
            assert!(!sanitized.text.contains(hidden), "{}", sanitized.text);
            assert!(sanitized.text.contains(front), "{}", sanitized.text);
            assert_eq!(sanitize_text(&sanitized.text).text, sanitized.text);
            let within = sanitize(&arguments(&json!({ &text: [text] }))).arguments;
            assert!(!Value::Object(within).to_string().contains(hidden), "{text}");
        }
    }
    assert_eq!(tried, 26 * 4 + 21 * 5);
}

#[test]
fn names_that_only_begin_like_a_credential_of_the_product_are_names() {
    for name in [
        "metrics_production_dashboard_of_the_whole_fleet_and_more",
        "docs_dev_deployment_checklist_for_all_operators",
        "best_cst_x",
        "best_csl_x",
        "my_whsec_rotation",
    ] {
        assert_eq!(credential(name), None, "{name}");
        assert_eq!(sanitize_text(name).text, name);
    }
}

#[test]
fn the_escape_of_a_quote_behind_a_secret_is_no_part_of_it() {
    for (text, expected) in [
        (
            r#"{\"a\":\"mysql -phunter2\",\"b\":1}"#,
            r#"{\"a\":\"mysql -p***\",\"b\":1}"#,
        ),
        (
            r#"{\"a\":\"mysql -p\\\"hunter2\\\" x\"}"#,
            r#"{\"a\":\"mysql -p\\\"***\\\" x\"}"#,
        ),
        (r#"sh -c "mysql -p\"hunter2\" app""#, r#"sh -c "mysql -p\"***\" app""#),
        (r"mysql -p'hunter2' app", "mysql -p'***' app"),
        (r"mysql -phunt\er2\ app", r"mysql -p*** app"),
    ] {
        assert_eq!(mask_credentials(text, "***"), expected);
        let sanitized = sanitize_text(text).text;
        assert_eq!(sanitized, expected.replace("***", "[REDACTED:mysql-password]"));
        assert_eq!(sanitize_text(&sanitized).text, sanitized);
    }
}

#[test]
fn a_name_behind_what_may_be_an_escape_is_read_with_its_letter_and_without() {
    for (text, expected) in [
        (r"C:\token=abc", r"C:\token=[REDACTED:assigned-secret]"),
        (r"a\fpassword=abc", r"a\fpassword=[REDACTED:assigned-secret]"),
        (r"a\u000apin=4711", r"a\u000apin=[REDACTED:assigned-secret]"),
        (r"C:\name=abc", r"C:\name=abc"),
    ] {
        assert_eq!(sanitize_text(text).text, expected);
    }
}

#[test]
fn a_secret_that_another_rule_hid_is_not_hidden_again() {
    for text in [
        "Authorization: Bearer [REDACTED:bearer-token] for the call",
        "https://x-access-token:[REDACTED:github-token]@github.com/a/b",
        "password: [REDACTED]",
        "Cookie: [REDACTED:assigned-secret]",
    ] {
        assert_eq!(sanitize_text(text).text, text);
    }
    assert_eq!(
        sanitize_text("password=[REDACTED:jwt]tail").text,
        "password=[REDACTED:assigned-secret]"
    );
}

#[test]
fn a_text_that_becomes_json_when_its_secret_goes_is_sanitized_as_json() {
    let text = "{\"name\":\"pin\",\"value\":1,\"x\":\"-----BEGIN PRIVATE KEY-----\na\n-----END PRIVATE KEY-----\"}";
    let result = sanitize_text(text);
    assert_eq!(
        result.text,
        r#"{"name":"pin","value":"[REDACTED]","x":"[REDACTED:private-key]"}"#
    );
    assert_eq!(sanitize_text(&result.text).text, result.text);
}

#[test]
fn what_only_looks_like_an_assignment_is_left_alone() {
    for text in [
        "the password is wrong and the token expired",
        "rotate the session key, then the password",
        "tokenizer: bpe, author: ada, compass: north, bypass: 3, max_tokens: 100, public key: x",
        "pass_rate: 97",
        "password: null, token=false, secret: ****, pin: ",
        "the type is Token::Kind and the call Session::new(4)",
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf",
        "secret://vault/path and token://x",
        "well-known-token ring, a -- token ring",
        "docker login --password-stdin -u ada",
        "at 10:30: deploy, see https://x.io:8080/a?b=c",
        r#"{"author": "ada", "passing": 3"#,
        "password=\"\"",
    ] {
        let result = sanitize_text(text);
        assert_eq!((result.text.as_str(), result.flags), (text, vec![]));
    }
}

#[test]
fn a_megabyte_of_hidden_values_is_read_once() {
    for piece in ["cookie: [REDACTED:a] ", "secret=[REDACTED:a]@"] {
        let text = piece.repeat((1 << 20) / piece.len());
        assert_eq!(sanitize_text(&text).text, text);
    }
}

#[test]
fn a_megabyte_of_secret_keys_keeps_every_value() {
    const KEYS: usize = 42_000;
    let given: Map<String, Value> = (0..KEYS)
        .map(|number| (format!("AKIA{number:016}"), number.into()))
        .collect();
    let result = sanitize(&given).arguments;
    assert_eq!(result.len(), KEYS);
    assert!(result.contains_key("[REDACTED:aws-access-key-id]"));
    assert!(result.contains_key(&format!("[REDACTED:aws-access-key-id]#{KEYS}")));
    let values: BTreeSet<u64> = result.values().filter_map(Value::as_u64).collect();
    assert_eq!(values.len(), KEYS);
    assert_eq!(sanitize(&result).arguments, result);
}

#[test]
fn a_long_text_of_assignments_is_searched_without_going_wrong() {
    for piece in [
        "token=\"a\" ",
        "a:",
        "--token ",
        "token\\\"",
        "Cookie: 'a",
        "mysql -p",
        "\\\\\\\"pin\\\\\\\":",
        "arn:aws:secretsmanager:::secret:",
    ] {
        let once = sanitize_text(&piece.repeat((1 << 18) / piece.len())).text;
        assert_eq!(sanitize_text(&once).text, once, "{piece}");
    }
}

fn arguments(value: &Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

/// A name, a separator, quotes and values in any order, with what they are made of between them.
fn entangled() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "(password|DB_PASS|api key|Cookie|Authorization|Bearer|x|--token|-p|mysql|arn:aws|name|true)",
        "(=|:|: |=>| |\\n|;|,|@|/|&|#)",
        r#"[\\]{0,3}["'`]"#,
        r"[\\{}\[\]*.-]",
        "[0-9A-Za-zä]{1,9}",
        r"\[REDACTED(:jwt)?\]",
        r"(\\(f|x20|u0022|40)|%2520|%0a)",
        "(cs[lt]_[a-z]{32}|whsec_[a-z]{16}|cs_dev_[0-9]{22}_[a-z]{20}|Y3N0X[0-9A-Za-z]{60}\n)",
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn sanitizing_an_entangled_text_again_changes_nothing(text in entangled()) {
        let once = sanitize_text(&text).text;
        prop_assert_eq!(&sanitize_text(&once).text, &once);
    }

    #[test]
    fn a_value_behind_a_sensitive_name_never_survives(
        name in "(DB_PASS|dbpassword|X-Api-Key|api key|Cookie|Authorization|client_secret)",
        separator in "(=|: ?| : | = )",
        quote in "[\"'`]?",
        value in "[0-9a-z]{16,24}[0-9]",
    ) {
        let result = sanitize_text(&format!("before {name}{separator}{quote}{value}{quote} after"));
        prop_assert!(!result.text.contains(&value), "{}", result.text);
        prop_assert!(result.text.starts_with(&format!("before {name}{separator}")), "{}", result.text);
    }
}
