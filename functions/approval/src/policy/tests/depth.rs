//! How deep conditions may nest, and on how little stack they are still read and evaluated.

use serde_json::json;

use super::{Asked, decide, place};
use crate::policy::{Effect, compile};

fn within(body: &str) -> String {
    format!("permit (principal, action, resource) when {{ {body} }};")
}

#[test]
fn the_deepest_text_that_is_let_through_is_read_and_evaluated() {
    for body in [
        format!("{}true{}", "(".repeat(48), ")".repeat(48)),
        format!("true{}", " && true".repeat(990)),
        format!("true }} {} when {{ true", "when { true }".repeat(990)),
        format!("1{} == 1", " + 0".repeat(990)),
        format!("{}true{}", "if true then ".repeat(490), " else true".repeat(490)),
        format!("{}1{} == {0}1{1}", "[".repeat(48), "]".repeat(48)),
        format!("context.arguments has a{}", ".a".repeat(31)),
        format!(
            "context.arguments has a.a{}",
            " && context.arguments.a has a.a".repeat(240)
        ),
    ] {
        let text = within(&body);
        let policies = compile(&text).unwrap_or_else(|flaw| panic!("{flaw:?} in {text}"));
        let reasons = Asked::new("pay", json!({}), &[]).of(&policies).reasons.concat();
        assert!(!reasons.contains("could not be evaluated"), "{reasons} of {text}");
    }
    // What does not validate is read as far.
    for link in ["[\"a\"]", ".isEmpty()"] {
        place(&within(&format!("context{}", link.repeat(990))));
    }
}

/// On stacks from the smallest that a thread gets to one where the shallow need no other.
#[test]
fn what_is_left_of_a_threads_stack_denies_nothing() {
    for (levels, stack_kib) in [
        (990, 512),
        (400, 8 << 10),
        (120, 8 << 10),
        (100, 8 << 10),
        (20, 2 << 10),
        (2, 1 << 10),
    ] {
        for body in [
            format!("true{}", " && true".repeat(levels)),
            format!("1{} == 1", " + 0".repeat(levels)),
            format!(
                "{}true{}",
                "if true then ".repeat(levels / 2),
                " else true".repeat(levels / 2)
            ),
        ] {
            let text = within(&body);
            let decided = std::thread::Builder::new()
                .stack_size(stack_kib << 10)
                .spawn(move || decide(&text, json!({})).effect)
                .expect("a thread")
                .join();
            assert_eq!(
                decided.expect("no overflow"),
                Effect::Allow,
                "{levels} levels on {stack_kib} KiB"
            );
        }
    }
}

/// As deep as a body may nest, on a stack that is enough for shallow ones and on one that is not.
#[test]
fn deep_arguments_find_their_stack() {
    for stack_kib in [700, 1 << 10, 5 << 10] {
        let arguments = (0..31).fold(json!("x"), |inner, _| json!({ "a": [inner] }));
        let policies = within("context.arguments has b");
        let decided = std::thread::Builder::new()
            .stack_size(stack_kib << 10)
            .spawn(move || decide(&policies, json!({ "b": true, "a": arguments })).effect)
            .expect("a thread")
            .join();
        assert_eq!(decided.expect("no overflow"), Effect::Allow, "on {stack_kib} KiB");
    }
}
