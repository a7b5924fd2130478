//! What the default policies decide, as a table; and the examples of the guide.

use serde_json::{Value, json};
use shared::auth::Environment::{self, Dev, Production, Staging};

use super::{Effect, compile, tests::Asked};

const DEFAULT: &str = include_str!("../../../../policies/default.cedar");

/// A call (tool, arguments, labels, environment) and what becomes of it: the decision, how many approvals it needs, and
/// the policies that say so.
type Example<'a> = (
    &'a str,
    &'a Value,
    &'a [&'a str],
    Environment,
    &'a str,
    i32,
    &'a [&'a str],
);

#[test]
fn the_default_policies_by_example() {
    let policies = compile(DEFAULT).expect("sound");
    let none = json!({});
    let paid = json!({ "amount": 12.505, "currency": "EUR" });
    #[rustfmt::skip]
    let table: [Example<'_>; 47] = [
        // Reading with low risk is allowed, in production too.
        ("read_file", &none, &[], Dev, "ALLOW", 0, &["low-risk-reads"]),
        ("github.get_issue", &none, &["low"], Production, "ALLOW", 0, &["low-risk-reads"]),
        ("issues.list", &none, &["read"], Staging, "ALLOW", 0, &["low-risk-reads"]),
        ("get_refund", &none, &[], Dev, "ALLOW", 0, &["low-risk-reads"]),
        // Any other label takes that away.
        ("read_file", &none, &["high"], Dev, "REQUIRE_APPROVAL", 1, &["writes"]),
        ("search_people", &none, &["low", "pii"], Production, "REQUIRE_APPROVAL", 2, &["writes", "production"]),
        // Words that only begin alike are no reads.
        ("getaway", &none, &[], Dev, "REQUIRE_APPROVAL", 1, &["writes"]),
        ("readjust", &none, &[], Dev, "REQUIRE_APPROVAL", 1, &["writes"]),
        ("forget_user", &none, &[], Dev, "REQUIRE_APPROVAL", 1, &["writes"]),
        // Nor is what may also do something else.
        ("get_or_create_user", &none, &[], Dev, "REQUIRE_APPROVAL", 1, &["writes"]),
        ("users.get_or_create", &none, &["low"], Production, "REQUIRE_APPROVAL", 2, &["writes", "production"]),
        ("read_and_archive_mail", &none, &[], Dev, "REQUIRE_APPROVAL", 1, &["writes"]),
        ("get_and_refund", &none, &[], Dev, "REQUIRE_APPROVAL", 2, &["writes", "money"]),
        // Writing needs one, production two.
        ("deploy", &none, &[], Dev, "REQUIRE_APPROVAL", 1, &["writes"]),
        ("deploy", &none, &["low"], Staging, "REQUIRE_APPROVAL", 1, &["writes"]),
        ("deploy", &none, &[], Production, "REQUIRE_APPROVAL", 2, &["writes", "production"]),
        // Money needs two, however it is known.
        ("invoice", &none, &["money"], Dev, "REQUIRE_APPROVAL", 2, &["writes", "money"]),
        ("create_payment", &none, &[], Dev, "REQUIRE_APPROVAL", 2, &["writes", "money"]),
        ("book", &paid, &[], Dev, "REQUIRE_APPROVAL", 2, &["writes", "money"]),
        ("book", &paid, &[], Production, "REQUIRE_APPROVAL", 2, &["writes", "production", "money"]),
        ("get_refund", &none, &["payment"], Dev, "REQUIRE_APPROVAL", 2, &["writes", "money"]),
        // Secrets never, though it were a read.
        ("get_secret", &none, &[], Dev, "DENY", 0, &["secrets-never"]),
        ("vault.read_secrets", &none, &["low"], Dev, "DENY", 0, &["secrets-never"]),
        ("rotate_password", &none, &[], Production, "DENY", 0, &["secrets-never"]),
        ("read_file", &none, &["credentials"], Dev, "DENY", 0, &["secrets-never"]),
        ("get_Secret", &none, &[], Dev, "DENY", 0, &["secrets-never"]),
        ("GET_SECRET", &none, &[], Dev, "DENY", 0, &["secrets-never"]),
        ("read_PASSWORD", &none, &[], Dev, "DENY", 0, &["secrets-never"]),
        ("read_passwd", &none, &[], Dev, "DENY", 0, &["secrets-never"]),
        ("get_passphrase", &none, &[], Dev, "DENY", 0, &["secrets-never"]),
        ("list_Credentials", &none, &[], Dev, "DENY", 0, &["secrets-never"]),
        ("get_api_key", &none, &[], Dev, "DENY", 0, &["secrets-never"]),
        ("listApiKeys", &none, &[], Dev, "DENY", 0, &["secrets-never"]),
        ("get_API_KEY", &none, &[], Dev, "DENY", 0, &["secrets-never"]),
        ("get_access_token", &none, &[], Dev, "DENY", 0, &["secrets-never"]),
        ("list_tokens", &none, &[], Dev, "DENY", 0, &["secrets-never"]),
        ("getToken", &none, &[], Dev, "DENY", 0, &["secrets-never"]),
        ("get_access_key", &none, &[], Dev, "DENY", 0, &["secrets-never"]),
        ("get_ssh_key", &none, &[], Dev, "DENY", 0, &["secrets-never"]),
        ("get_private_key", &none, &[], Dev, "DENY", 0, &["secrets-never"]),
        ("read_env", &none, &[], Dev, "DENY", 0, &["secrets-never"]),
        ("getEnv", &none, &[], Dev, "DENY", 0, &["secrets-never"]),
        ("process.env", &none, &[], Dev, "DENY", 0, &["secrets-never"]),
        ("get_env_vars", &none, &[], Dev, "DENY", 0, &["secrets-never"]),
        ("transfer", &paid, &["secret", "money"], Dev, "DENY", 0, &["secrets-never"]),
        // Words that only look like secrets are none.
        ("list_environments", &none, &[], Dev, "ALLOW", 0, &["low-risk-reads"]),
        ("get_primary_key", &none, &[], Dev, "ALLOW", 0, &["low-risk-reads"]),
    ];
    for (tool, arguments, labels, environment, effect, quorum, ids) in table {
        let asked = Asked {
            environment,
            ..Asked::new(tool, arguments.clone(), labels)
        };
        let verdict = asked.of(&policies);
        let asked_of = match &verdict.effect {
            Effect::RequireApproval(requirement) => requirement.quorum,
            _ => 0,
        };
        let about = format!("{tool} with {arguments} {labels:?} in {environment}");
        assert_eq!(
            (verdict.effect.as_str(), asked_of),
            (effect, quorum),
            "{about}: {:?}",
            verdict.reasons
        );
        assert_eq!(verdict.policy_ids, ids, "{about}");
        assert_eq!(verdict.reasons.len(), ids.len(), "{about}");
    }
}

const GUIDE: &str = include_str!("../../../../docs/policies.md");

/// The rows of an example's table: tool, arguments, labels, environment, and what becomes of it.
fn rows(example: &str) -> Vec<[String; 5]> {
    let rows = example.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<String> = row
            .trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().trim_matches('`').to_owned())
            .collect();
        cells.try_into().unwrap_or_else(|_| panic!("five cells: {row}"))
    })
    .collect()
}

#[test]
fn the_examples_of_the_guide() {
    let (_, examples) = GUIDE.split_once("\n## Worked examples\n").expect("the examples");
    let mut decided = 0;
    for example in examples.split("\n### ").skip(1) {
        let (_, text) = example.split_once("```cedar\n").expect("a policy");
        let (text, table) = text.split_once("```\n").expect("its end");
        let policies = compile(text).unwrap_or_else(|flaw| panic!("{flaw:?} in {text}"));
        for [tool, arguments, labels, environment, becomes] in rows(table) {
            let labels: Vec<&str> = labels.split_whitespace().collect();
            let asked = Asked {
                environment: environment.parse().expect("an environment"),
                ..Asked::new(&tool, serde_json::from_str(&arguments).expect("JSON"), &labels)
            };
            let told = match asked.of(&policies).effect {
                Effect::RequireApproval(requirement) => {
                    let groups = requirement.groups.map(|groups| format!(" of {}", groups.join(", ")));
                    format!(
                        "REQUIRE_APPROVAL by {}{}",
                        requirement.quorum,
                        groups.unwrap_or_default()
                    )
                }
                other => other.as_str().to_owned(),
            };
            assert_eq!(told, becomes, "{tool} {arguments} in {environment}");
            decided += 1;
        }
    }
    assert_eq!(decided, 20);
}
