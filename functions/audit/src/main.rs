//! The Lambda function `audit`.

use shared::{context::Duty, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::run_http(Duty::Tenants, audit::routes()).await
}
