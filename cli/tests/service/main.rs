//! The commands that speak to the service, against the real functions.

mod administering;
mod deciding;
#[path = "../support/mod.rs"]
mod support;
mod waiting;

use serde_json::Value;
use shared::testing::{TestKey, TestTenant};
use support::{Ran, Service, of_key, run};

/// What the agent asks for where it does not matter.
const REQUEST: [&str; 6] = [
    "request",
    "--json",
    "--tool",
    "payments.refund",
    "--reason",
    "Charged twice",
];

/// Two tenants, the first with an agent whose requests the tests decide.
struct Tenants {
    ours: TestTenant,
    theirs: TestTenant,
}

fn start() -> Service<Tenants> {
    Service::start(|stack| async {
        let tenants = Tenants {
            ours: stack.tenant().await,
            theirs: stack.tenant().await,
        };
        (stack, tenants)
    })
}

impl Service<Tenants> {
    fn as_holder(&self, key: &TestKey, arguments: &[&str]) -> Ran {
        run(&of_key(&self.url, key), arguments)
    }

    fn as_agent(&self, arguments: &[&str]) -> Ran {
        self.as_holder(&self.with.ours.agent, arguments)
    }

    fn as_approver(&self, arguments: &[&str]) -> Ran {
        self.as_holder(&self.with.ours.approver, arguments)
    }

    /// Makes a request and returns its id.
    fn request(&self, more: &[&str]) -> String {
        let arguments = [&REQUEST[..], more].concat();
        id_of(&self.as_agent(&arguments).expect(0).value())
    }
}

fn id_of(value: &Value) -> String {
    value["id"].as_str().expect("an id").to_owned()
}
